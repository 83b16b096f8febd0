from pathlib import Path

from register_maps.yaml_reader import read, values


def test_numbers_with_an_exponent_are_read_as_yaml_1_2_writes_them(tmp_path: Path) -> None:
    (tmp_path / "numbers.yaml").write_text("[1.8e5, 1e3, -2.5E-3, +1.0e+2, .5e1, 12, 1.5, 5e, e5, 1e5x]\n")
    root = read(tmp_path / "numbers.yaml")
    assert root
    assert values(root) == [180_000.0, 1000.0, -0.0025, 100.0, 5.0, 12, 1.5, "5e", "e5", "1e5x"]


def test_what_has_a_colon_is_no_number_to_the_base_of_60(tmp_path: Path) -> None:
    (tmp_path / "times.yaml").write_text("[18:30, 6:00, -1:30, 1:30.5, 190:20:30, 12, 1.5]\n")
    root = read(tmp_path / "times.yaml")
    assert root
    assert values(root) == ["18:30", "6:00", "-1:30", "1:30.5", "190:20:30", 12, 1.5]

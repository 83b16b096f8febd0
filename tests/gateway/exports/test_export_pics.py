"""The PICS: what it states is what devices answer; and the tables of docs/bacnet.md, made of the same."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.bacnet.wire.codes import Confirmed, Property, Segmentation, Unconfirmed
from gateway.cli import app
from gateway.config.reader import load_config
from gateway.config.settings import Config
from gateway.errors import ConfigError
from gateway.exports import pics
from gateway.exports.bibbs import BIBBS, PROFILES
from gateway.exports.table import EXPORTS

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs/bacnet.md"


def configuration(folder: Path, bacnet: str = "") -> Config:
    (folder / "c.yaml").write_text(f"bacnet: {{{bacnet}}}\nmeters: [{{count: 3}}]\n")
    return load_config(folder / "c.yaml")


def statements(folder: Path, bacnet: str = "") -> Any:
    config = configuration(folder, bacnet)
    assert config.bacnet is not None
    return pics.statements(config, config.bacnet)


@pytest.mark.parametrize("topology", ["virtual", "flat", "addresses", "ports"])
def test_every_service_that_is_executed_is_stated_and_no_other(tmp_path: Path, topology: str) -> None:
    for about in statements(tmp_path, f"topology: {topology}").values():
        executed = pics.services(about.device)
        stated = {service for bibb in pics.bibbs(about) for service in bibb.executes}
        assert stated <= executed
        kinds = {spec.kind for spec in pics.specs_of(about.device)}
        without_objects = {
            each for bibb in BIBBS if bibb.needs and not bibb.needs & kinds for each in bibb.executes
        }
        assert executed - stated - without_objects == set()


def test_every_service_of_a_building_block_is_one_of_the_standard_s() -> None:
    known = {service.name for service in (*Confirmed, *Unconfirmed)}
    later = {"DEVICE_COMMUNICATION_CONTROL", "REINITIALIZE_DEVICE"}
    later |= {"TIME_SYNCHRONIZATION", "UTC_TIME_SYNCHRONIZATION"}
    assert {each for bibb in BIBBS for each in bibb.executes} - later <= known


def test_a_meter_has_the_building_blocks_of_values_alarms_and_trends(tmp_path: Path) -> None:
    names = {bibb.name for bibb in pics.bibbs(statements(tmp_path)["meter"])}
    assert names >= {
        *("DS-RP-B", "DS-RPM-B", "DS-WP-B", "DS-WPM-B", "DS-COV-B", "DS-COVP-B"),
        *("AE-N-I-B", "AE-ACK-B", "AE-INFO-B", "T-VMT-I-B", "DM-DDB-B", "DM-DOB-B", "DM-LM-B"),
    }


@pytest.mark.parametrize(
    ("section", "has", "has_not"),
    [
        ("", {"GW-VN-B", "NM-RC-B"}, {"DS-COV-B", "AE-N-I-B", "T-VMT-I-B", "GW-EO-B", "NM-BBMDC-B"}),
        ("topology: flat", {"GW-EO-B", "DS-COV-B", "AE-N-I-B", "T-VMT-I-B"}, {"GW-VN-B", "NM-RC-B"}),
        ("topology: ports, address: 192.168.1.20/24, bbmd: {}", {"NM-BBMDC-B"}, {"GW-VN-B", "GW-EO-B"}),
    ],
)
def test_the_gateway_s_building_blocks_follow_the_configuration(
    tmp_path: Path, section: str, has: set[str], has_not: set[str]
) -> None:
    names = {bibb.name for bibb in pics.bibbs(statements(tmp_path, section)["gateway"])}
    assert names >= has
    assert not names & has_not


def test_profiles_are_claimed_with_all_their_building_blocks_alone(tmp_path: Path) -> None:
    for topology in ("virtual", "flat", "ports"):
        for about in statements(tmp_path, f"topology: {topology}").values():
            names = {bibb.name for bibb in pics.bibbs(about)}
            claimed = {text.partition(",")[0] for text in pics.profiles(about)}
            assert claimed == {
                name for name, (_, sets) in PROFILES.items() if any(each <= names for each in sets)
            }
            assert ("B-GW" in claimed) == bool(names & {"GW-VN-B", "GW-EO-B"})


def test_a_profile_wants_what_the_standard_lists_for_it() -> None:
    controller = {"DS-RP-B", "DS-WP-B", "DM-DDB-B", "DM-DOB-B", "DM-DCC-B"}
    assert {name: [set(each) for each in sets] for name, (_, sets) in PROFILES.items()} == {
        "B-ASC": [controller],
        "B-GW": [controller | {"GW-VN-B"}, controller | {"GW-EO-B"}],
    }


def test_segmentation_is_that_of_the_device_object(tmp_path: Path) -> None:
    for name, about in statements(tmp_path).items():
        page = pics.page(about)
        value = about.device.table.device.properties[Property.SEGMENTATION_SUPPORTED].value
        assert value == bytes((0x91, Segmentation.TRANSMIT if about.device.segments else Segmentation.NONE))
        assert ("transmit segmented messages: yes, window size 16" in page) == (name == "gateway")


def test_every_optional_and_every_writable_property_is_stated(tmp_path: Path) -> None:
    for topology in ("virtual", "flat"):
        for about in statements(tmp_path, f"topology: {topology}").values():
            rows = [line.split(" | ") for line in pics.page(about).splitlines() if line.startswith("| ")]
            for spec in pics.specs_of(about.device):
                word = spec.kind.name.lower().replace("_", "-")
                (row,) = [row for row in rows if row[0] == f"| {word}"]
                for number, found in spec.properties.items():
                    name = Property(number).name.lower().replace("_", "-")
                    assert (name in row[1].removesuffix(" | |").split(", ")) >= (not found.required)
                    assert (f"{name} (" in row[-1]) >= (found.setting is not None)


def test_what_the_standard_wants_writable_and_is_not_is_stated(tmp_path: Path) -> None:
    stated = "## Deviations\n\n- trend-log: enable and record-count cannot be written\n\n"
    for topology, name in (("flat", "gateway"), ("virtual", "meter")):
        assert stated in pics.page(statements(tmp_path, f"topology: {topology}")[name])
    assert "## Deviations\n\nNone.\n\n" in pics.page(statements(tmp_path)["gateway"])


def test_flat_has_one_statement_and_its_meters_object_types(tmp_path: Path) -> None:
    config = configuration(tmp_path, "topology: flat")
    written = EXPORTS["pics"](config)
    assert list(written) == ["pics-gateway.md"]
    assert "| trend-log |" in written["pics-gateway.md"]


def test_a_role_and_the_router_are_networking_options(tmp_path: Path) -> None:
    lan = "address: 192.168.1.20/24, "
    assert "Router, BACnet/IP to virtual network 1000" in pics.page(statements(tmp_path)["gateway"])
    bbmd = pics.page(statements(tmp_path, lan + "bbmd: {max_foreign: 5}")["gateway"])
    assert "Registrations by foreign devices: up to 5" in bbmd
    closed = pics.page(statements(tmp_path, lan + "bbmd: {accept_foreign: false}")["gateway"])
    assert "Registrations by foreign devices: no" in closed
    foreign = pics.page(statements(tmp_path, lan + "foreign: {bbmd: 10.0.0.1}")["gateway"])
    assert "Foreign device at a BBMD" in foreign


def test_the_command_writes_the_files_into_a_directory(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    result = CliRunner().invoke(
        app, ["export", "pics", str(tmp_path / "c.yaml"), "-o", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == EXPORTS["pics"](config)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toml", "-o", "out"], "'toml' is no format; allowed: pics"),
        (["pics", "c.yaml", "-o", "c.yaml/out"], "c.yaml/out cannot be written"),
        (["pics", "off.yaml", "-o", "out"], "bacnet.enabled: BACnet/IP is not served"),
    ],
)
def test_what_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    configuration(tmp_path)
    (tmp_path / "off.yaml").write_text("bacnet: {enabled: false}\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["export", *arguments])
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def between(mark: str) -> str:
    """Return what stands in the document between two comments."""
    _, _, rest = DOCUMENT.read_text().partition(f"<!-- {mark}: made of the declarations -->\n")
    return rest.partition(f"\n<!-- end of {mark} -->")[0]


def test_the_tables_of_the_document_are_those_of_the_declarations(tmp_path: Path) -> None:
    assert between("objects").strip() == pics.objects()
    assert between("object types").strip() == pics.object_types(
        pics.specs_of(statements(tmp_path)["meter"].device)
    )

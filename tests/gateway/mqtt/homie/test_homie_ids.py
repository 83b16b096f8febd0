import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.mqtt.homie import ids
from gateway.mqtt.homie.ids import device_ids, homie_id
from sims.models import MODELS, Nameplate

MODEL = MODELS["series-2000-120-208"]
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="+#/"), min_size=1)


def meters(*names: str) -> list[Nameplate]:
    return [Nameplate(n, name, MODEL, "S") for n, name in enumerate(names, 1)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("M0001", "m0001"),
        ("lobby", "lobby"),
        ("2nd floor_east", "2nd-floor-east"),
        ("-Zähler (Süd)-", "zahler-sud"),
        ("a--b", "a-b"),
    ],
)
def test_an_id_keeps_what_homie_allows(name: str, expected: str) -> None:
    assert homie_id(name) == expected


def test_an_id_that_homie_allows_nothing_of_has_one_all_the_same() -> None:
    assert homie_id("電力") != homie_id("電気")
    assert re.fullmatch("[0-9a-f]{8}", homie_id("電力"))


@given(st.lists(NAMES, unique=True, max_size=20))
def test_devices_are_unique_stable_and_have_ids_as_homie_wants_them(names: list[str]) -> None:
    made = device_ids("plant-a", meters(*names))
    assert len(set(made)) == len(names)
    assert all(re.fullmatch("plant-a--[a-z0-9]+(-[a-z0-9]+)*", one) for one in made)
    assert device_ids("plant-a", meters(*names, "one more"))[: len(names)] == made


def test_of_two_that_become_the_same_the_first_has_the_plain_id() -> None:
    first, second, third = device_ids("plant-a", meters("M 1", "m-1", "M_1"))
    assert first == "plant-a--m-1"
    assert re.fullmatch("plant-a--m-1-[0-9a-f]{8}", second)
    assert re.fullmatch("plant-a--m-1-[0-9a-f]{8}", third)
    assert second != third


def test_gateways_have_no_device_in_common() -> None:
    assert not set(device_ids("a", meters("b-1"))) & set(device_ids("a-b", meters("1")))


def test_an_id_that_cannot_be_told_from_others_is_refused() -> None:
    taken = f"m-1-{ids._digest('m-1')}"
    with pytest.raises(ConfigError, match=rf"meters: ids '{taken}' and 'm-1' are both '{taken}' .*allowed"):
        device_ids("plant-a", meters(taken, "M 1", "m-1"))

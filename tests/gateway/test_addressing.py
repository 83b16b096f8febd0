import pytest

from gateway.addressing import (
    HIGHEST_INSTANCE,
    INSTANCES_OF_A_METER,
    MOST_FLAT_METERS,
    Addresses,
    modbus_ports,
)
from sims.models import MODELS, Nameplate


def _meter(number: int) -> Nameplate:
    return Nameplate(number, f"M{number}", MODELS["series-2000-120-208"], str(number))


@pytest.mark.parametrize(("meters", "ports"), [(1, 1), (247, 1), (248, 2), (494, 2), (495, 3)])
def test_every_247_meters_need_a_port(meters: int, ports: int) -> None:
    assert modbus_ports(meters) == ports


@pytest.mark.parametrize(
    ("number", "place"), [(1, (5020, 1)), (247, (5020, 247)), (248, (5021, 1)), (495, (5022, 1))]
)
def test_unit_ids_begin_anew_on_the_next_port(number: int, place: tuple[int, int]) -> None:
    assert Addresses(modbus_ports=(5020, 5021, 5022)).modbus(_meter(number)) == place


def test_instance_and_topic_follow_number_and_id() -> None:
    addresses = Addresses(gateway_device=100_000, topic_root="metergate/plant-a")
    assert addresses.device_instance(_meter(7)) == 100_007
    assert addresses.topic(_meter(7)) == "metergate/plant-a/M7"


def test_objects_of_all_meters_may_be_in_the_gateway_device() -> None:
    assert Addresses(gateway_device=100_000, flat=True).device_instance(_meter(7)) == 100_000
    assert Addresses(flat=True).device_instance(_meter(7)) is None
    assert INSTANCES_OF_A_METER * (MOST_FLAT_METERS + 1) > HIGHEST_INSTANCE - INSTANCES_OF_A_METER


def test_a_protocol_that_is_not_served_has_no_addresses() -> None:
    nowhere = Addresses()
    meter = _meter(1)
    assert [nowhere.modbus(meter), nowhere.device_instance(meter), nowhere.topic(meter)] == [None] * 3

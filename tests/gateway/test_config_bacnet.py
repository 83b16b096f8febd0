"""The section `bacnet`: topologies, addresses of meters, BBMD, foreign device, and what is wrong in it."""

from pathlib import Path

import pytest

from gateway.bip import BbmdPeer, BbmdRole, ForeignRole
from gateway.config.reader import load_config
from gateway.config.settings import BacnetSettings
from gateway.errors import ConfigError


def settings(folder: Path, section: str, meters: int = 3) -> BacnetSettings:
    file = folder / "c.yaml"
    file.write_text(f"bacnet: {{{section}}}\nmeters: [{{count: {meters}}}]\n")
    found = load_config(file).bacnet
    assert found is not None
    return found


def test_meters_have_addresses_of_the_loopback_unless_others_are_given(tmp_path: Path) -> None:
    found = settings(tmp_path, "topology: addresses")
    assert found.hosts == ("127.0.1.1", "127.0.1.2", "127.0.1.3")
    lan = "topology: addresses, address: 192.168.1.20/24, meters_from: "
    assert settings(tmp_path, lan + "192.168.1.101").hosts == tuple(f"192.168.1.{n}" for n in (101, 102, 103))
    assert settings(tmp_path, lan + "[192.168.1.9, 192.168.1.7]", 2).hosts == ("192.168.1.9", "192.168.1.7")


def test_other_topologies_have_no_addresses_of_meters(tmp_path: Path) -> None:
    assert settings(tmp_path, "").topology == "virtual"
    found = settings(tmp_path, "topology: ports, own_network: 7")
    assert (found.topology, found.hosts, found.own_network, found.role) == ("ports", (), 7, None)


def test_flat_needs_no_device_instances_after_the_gateway_s(tmp_path: Path) -> None:
    found = settings(tmp_path, "topology: flat, device_instance: 4194302", 500)
    assert (found.topology, found.device_instance) == ("flat", 4_194_302)
    assert settings(tmp_path, "topology: flat, foreign: {bbmd: 10.0.0.1}").role == ForeignRole(
        "10.0.0.1", 47808, 120
    )
    with pytest.raises(ConfigError, match="41943 meters do not fit flat; allowed: up to 41942"):
        settings(tmp_path, "topology: flat", 41_943)


def test_a_bbmd_has_peers_and_bounds(tmp_path: Path) -> None:
    lan = "address: 192.168.1.20/24, bbmd: "
    role = settings(
        tmp_path, lan + "{bdt: ['10.0.0.1:47808', 10.0.2.1/24], write_bdt: true, max_foreign: 5}"
    ).role
    assert role == BbmdRole(
        (BbmdPeer("10.0.0.1", 47808), BbmdPeer("10.0.2.1", 47808, 0xFFFFFF00)),
        write_peers=True,
        most_foreign=5,
    )
    assert settings(tmp_path, lan + "{accept_foreign: false}").role == BbmdRole(most_foreign=0)
    assert settings(tmp_path, lan + "{}").role == BbmdRole()
    assert settings(tmp_path, lan + "{enabled: false}").role is None


def test_a_bbmd_s_own_line_may_stand_in_its_table(tmp_path: Path) -> None:
    role = settings(tmp_path, "address: 192.168.1.20/24, bbmd: {bdt: [192.168.1.20/24]}").role
    assert role == BbmdRole((BbmdPeer("192.168.1.20", 47808, 0xFFFFFF00),))


def test_a_foreign_device_has_a_bbmd_and_a_time_to_live(tmp_path: Path) -> None:
    assert settings(tmp_path, "foreign: {bbmd: 'bbmd.example:47809', ttl_s: 60}").role == ForeignRole(
        "bbmd.example", 47809, 60
    )


LAN = "address: 192.168.1.20/24"
OWN = f"{LAN}, topology: addresses, meters_from"


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        (
            "topology: ports, port: 65533",
            "bacnet.port",
            "3 meters need the ports 65533 to 65536; allowed: up to 65532",
        ),
        (
            "network: 7, own_network: 7",
            "bacnet.own_network",
            "7 is the network of the meters; allowed: another",
        ),
        ("meters_from: 127.0.1.1", "bacnet.meters_from", "is for topology addresses alone"),
        (f"{LAN}, topology: addresses", "bacnet.meters_from", "is missing: every meter needs an address"),
        (f"{OWN}: 192.168.1.x", "bacnet.meters_from", "'192.168.1.x' is no IPv4 address"),
        (f"{OWN}: 255.255.255.254", "bacnet.meters_from", "no IPv4 address"),
        (
            f"{OWN}: 192.168.1.253",
            "bacnet.meters_from",
            "192.168.1.255 is no meter's address in 192.168.1.0/24",
        ),
        (f"{OWN}: 192.168.2.1", "bacnet.meters_from", "192.168.2.1 is no meter's address in 192.168.1.0/24"),
        (f"{OWN}: 192.168.1.19", "bacnet.meters_from", "192.168.1.20 is the gateway's own; allowed: others"),
        (f"{OWN}: [192.168.1.1]", "bacnet.meters_from", "1 addresses for 3 meters; allowed: one for each"),
        (
            f"{OWN}: [192.168.1.1, 192.168.1.2, 192.168.1.1]",
            "bacnet.meters_from",
            "an address is given twice; allowed: each once",
        ),
        (
            "address: 127.0.1.2/8, topology: addresses",
            "bacnet.meters_from",
            "127.0.1.2 is the gateway's own; allowed: others",
        ),
        ("topology: addresses, address: 0.0.0.0", "bacnet.meters_from", "is missing"),
        ("address: 0.0.0.0, bbmd: {}", "bacnet.bbmd", "a BBMD needs an address of its own"),
        (
            f"{LAN}, bbmd: {{bdt: [there]}}",
            "bacnet.bbmd.bdt[0]",
            "'there' is no BBMD's address; allowed: 192.",
        ),
        (
            f"{LAN}, bbmd: {{bdt: ['192.168.1.21:47808']}}",
            "bacnet.bbmd.bdt[0]",
            "192.168.1.21:47808 is on this subnet, 192.168.1.0/24; allowed: one BBMD a subnet",
        ),
        (f"{LAN}, bbmd: {{max_foreign: 129}}", "bacnet.bbmd.max_foreign", "from 1 to 128"),
        (
            f"{LAN}, bbmd: {{}}, foreign: {{bbmd: 10.0.0.1}}",
            "bacnet.foreign",
            "excludes bbmd; allowed: one of",
        ),
        (
            "foreign: {bbmd: 'x y'}",
            "bacnet.foreign.bbmd",
            "'x y' is no BBMD's address; allowed: 192.168.2.20",
        ),
        ("foreign: {bbmd: 10.0.0.1, ttl_s: 1}", "bacnet.foreign.ttl_s", "a whole number from 2 to 65535"),
        (
            "topology: ports, foreign: {bbmd: 10.0.0.1}",
            "bacnet.foreign",
            "is not for topology ports; allowed: topology: virtual",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, section: str, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, section)
    assert error.value.key == key
    assert message in error.value.message


def test_a_password_of_twenty_characters_is_taken_and_none_is_none(tmp_path: Path) -> None:
    assert settings(tmp_path, f"password: {'é' * 20}").password == "é" * 20
    assert settings(tmp_path, "").password is None


@pytest.mark.parametrize("password", ["", "a" * 21, "a\\tb"])
def test_what_no_client_could_send_is_no_password_and_is_not_quoted(tmp_path: Path, password: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, f'password: "{password}"')
    assert (raised.value.line, raised.value.key) == (1, "bacnet.password")
    assert raised.value.message == "allowed: 1 to 20 printable characters"

"""Which requests meet a fault of the line: by rate, count and time, and the same ones in every run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

from gateway.config.link_sections import LinkSection, as_section, faults_by_row, faults_of
from gateway.link_faults import MISSED, MODES, OK, LinkFault, Links, Traffic, links_of
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(4)


def _links(faults: Mapping[int | None, LinkFault], seed: int = 0) -> Links:
    links = Links("modbus", seed)
    for row, fault in faults.items():
        links.set(row, fault)
    links.show(snapshot_of(METERS, 0))
    return links


def _modes(links: Links, rows: Sequence[int | None]) -> list[str]:
    return [links.strike(row).fault.mode for row in rows]


def test_a_sound_line_meets_nothing() -> None:
    links = _links({1: LinkFault("silent")})
    assert (links.on(0), links.on(1), links.on(None)) == (False, True, False)
    assert (links.strike(0), links.fault(0)) == (MISSED, OK)


def test_the_port_has_its_fault_for_all_and_a_meter_its_own_before_it() -> None:
    links = _links({None: LinkFault("drop"), 1: LinkFault("silent")})
    assert links.on(0)
    assert _modes(links, [0, 1, None]) == ["drop", "silent", "drop"]
    assert [links.strike(row).whole for row in (0, 1)] == [True, False]
    links.set(1, OK)
    assert _modes(links, [1]) == ["drop"]
    links.set(None, OK)
    assert not links.on(1)


def test_a_request_that_a_meters_own_fault_lets_pass_may_meet_the_ports() -> None:
    links = _links({None: LinkFault("drop"), 1: LinkFault("silent", rate=0.5)})
    assert set(_modes(links, [1] * 50)) == {"silent", "drop"}


def test_count_counts_the_requests_that_met_the_fault() -> None:
    links = _links({1: LinkFault("silent", rate=0.5, count=3)})
    modes = _modes(links, [1] * 100)
    assert modes.count("silent") == 3
    assert modes[:3] != ["silent"] * 3
    assert not links.on(1)
    links.set(1, LinkFault("silent", count=3))
    links.strike(1)
    assert links.fault(1) == LinkFault("silent", count=2)


@pytest.mark.parametrize(("for_s", "last"), [(3.0, 2), (2.5, 2), (2.000001, 2), (2.0, 1), (0.1, 0)])
def test_time_is_up_at_the_first_tick_that_ends_then_or_later(for_s: float, last: int) -> None:
    links = _links({1: LinkFault("silent", for_s=for_s)})
    for tick in range(1, 6):
        assert links.fault(1).for_s == pytest.approx(for_s - tick + 1)
        links.show(snapshot_of(METERS, tick))
        assert links.on(1) == (tick <= last)
        if not links.on(1):
            break
    assert tick == last + 1


def test_a_fault_replaces_the_one_before_with_its_count_and_time() -> None:
    links = _links({1: LinkFault("silent", count=2, for_s=1)})
    links.set(1, LinkFault("drop"))
    links.show(snapshot_of(METERS, 9))
    assert _modes(links, [1] * 5) == ["drop"] * 5
    assert links.fault(1) == LinkFault("drop")


def test_the_rate_is_the_part_that_meets_it() -> None:
    links = _links({row: LinkFault("silent", rate=0.3) for row in range(4)})
    struck = Counter(_modes(links, list(range(4)) * 1000))
    assert struck["silent"] / 4000 == pytest.approx(0.3, abs=0.03)


def test_delays_are_fixed_or_normal_and_never_negative() -> None:
    links = _links({0: LinkFault("slow", delay_s=0.2), 1: LinkFault("slow", delay_s=5, jitter_s=1)})
    links.set(2, LinkFault("garble", delay_s=0.1, jitter_s=3))
    assert {links.strike(0).delay for _ in range(9)} == {0.2}
    delays = [links.strike(1).delay for _ in range(3000)]
    assert fmean(delays) == pytest.approx(5, abs=0.1)
    assert stdev(delays) == pytest.approx(1, abs=0.1)
    wide = [links.strike(2).delay for _ in range(100)]
    assert min(wide) == 0.0 < max(wide)


def _drawn(seed: int, rows: Sequence[int]) -> dict[int, list[Any]]:
    fault = LinkFault("garble", rate=0.5, delay_s=1, jitter_s=0.5)
    links = _links(dict.fromkeys(range(4), fault), seed)
    drawn: dict[int, list[Any]] = {row: [] for row in range(4)}
    for row in rows:
        strike = links.strike(row)
        drawn[row].append((strike.fault.mode, strike.delay, strike is MISSED or strike.draws.random.random()))
    return drawn


def test_the_same_seed_draws_the_same_whatever_others_ask() -> None:
    assert _drawn(7, [0, 1, 2, 3] * 20) == _drawn(7, [3] * 20 + [1] * 20 + [0, 2] * 20)
    assert _drawn(7, [0] * 20) != _drawn(8, [0] * 20)
    rows = _drawn(7, [0, 1] * 20)
    assert rows[0] != rows[1]


def test_what_a_frozen_meter_showed_is_held_from_when_it_was_set() -> None:
    links = _links({1: LinkFault("frozen")})
    links.set(2, LinkFault("frozen"))
    first, second = snapshot_of(METERS, 0), snapshot_of(METERS, 1)
    before = links.held
    links.show(second)
    for name, column in links.held.items():
        for row, snapshot in ((1, first), (2, second)):
            np.testing.assert_array_equal(column[row], snapshot.columns[name][row])
    assert before is not links.held
    links.show(snapshot_of(METERS, 2))
    np.testing.assert_array_equal(links.held["clock"][[1, 2]], [first.tick.time, second.tick.time])
    links.set(1, LinkFault("frozen"))
    links.set(None, LinkFault("frozen"))
    third = snapshot_of(METERS, 3)
    links.show(third)
    assert links.held["clock"][1] == third.tick.time
    assert links.held_whole is third.columns


def _section(**link: Any) -> LinkSection:
    return LinkSection.model_validate(link)


def test_an_entry_of_the_protocol_wins_over_all() -> None:
    drop = LinkFault("drop")
    assert faults_of(_section(all={"mode": "drop"})) == dict.fromkeys(MODES, drop)
    both = _section(all={"mode": "drop"}, modbus={"mode": "behind", "rate": 0.5})
    others = {"bacnet": drop, "mqtt": drop}
    assert faults_of(both) == {"modbus": LinkFault("behind", rate=0.5)} | others
    sound = _section(all={"mode": "drop"}, modbus={"mode": "ok", "count": 3})
    assert faults_of(sound) == {"modbus": OK} | others
    assert faults_of(_section(bacnet={"mode": "cov_lost"})) == {"bacnet": LinkFault("cov_lost")}
    assert faults_of(_section()) == {}


def test_slow_has_a_delay_unless_told_and_the_others_have_none() -> None:
    for protocol, modes in MODES.items():
        delays = {mode: faults_of(_section(**{protocol: {"mode": mode}}))[protocol].delay_s for mode in modes}
        late = {mode: delay for mode, delay in delays.items() if delay}
        assert late == {"slow": 0.5} | ({"late": 5.0} if protocol == "mqtt" else {})
    assert faults_of(_section(modbus={"mode": "slow", "delay_s": 0.0}))["modbus"].delay_s == 0


OWN_KEYS: dict[tuple[str, str], dict[str, Any]] = {
    ("modbus", "refuse"): {"exception": 6},
    ("bacnet", "error"): {"exception": 31, "error_class": 1},
    ("bacnet", "reject"): {"exception": 9},
    ("bacnet", "abort"): {"exception": 4},
    ("bacnet", "wrong_clock"): {"offset_s": -90.5},
}


@pytest.mark.parametrize(
    ("protocol", "mode"), [(key, mode) for key, modes in MODES.items() for mode in modes]
)
def test_what_is_shown_of_a_fault_can_be_set_again(protocol: str, mode: str) -> None:
    given = {"mode": mode, "delay_s": 2.0, "jitter_s": 0.5, "rate": 0.25, "count": 4, "for_s": 9.5}
    given |= OWN_KEYS.get((protocol, mode), {})
    fault = faults_of(_section(**{protocol: given}))[protocol]
    told = as_section({protocol: _links({1: fault}).fault(1)})
    assert told == {protocol: {"mode": "ok"} if mode == "ok" else given}
    assert faults_of(_section(**told)) == {protocol: fault}


def test_the_code_of_a_bacnet_error_is_operational_problem_unless_given() -> None:
    codes = {
        mode: faults_of(_section(bacnet={"mode": mode}))["bacnet"] for mode in ("error", "reject", "abort")
    }
    assert {mode: (fault.error_class, fault.exception) for mode, fault in codes.items()} == {
        "error": (0, 25),
        "reject": (0, 0),
        "abort": (0, 0),
    }


def test_a_fault_meets_the_traffic_that_it_concerns_and_counts_no_other() -> None:
    links = _links({1: LinkFault("cov_lost", count=2)})
    told, asked = Traffic("told", {"cov_lost"}), Traffic("", {"silent"})
    assert [links.strike(1, kind).fault.mode for kind in (asked, told, asked, told, told)] == [
        "ok",
        "cov_lost",
        "ok",
        "cov_lost",
        "ok",
    ]


def test_the_draws_of_one_kind_of_traffic_do_not_depend_on_another() -> None:
    told = Traffic("told")
    alone, among = (_links({1: LinkFault("garble", rate=0.5)}) for _ in range(2))
    modes = []
    for _ in range(30):
        among.strike(1, told)
        modes.append(among.strike(1).fault.mode)
    assert modes == _modes(alone, [1] * 30)


def test_what_was_frozen_is_let_go_when_nobody_is_any_more() -> None:
    links = Links("modbus", 0)
    for row in (0, 1, None):
        links.set(row, LinkFault("frozen"))
    links.show(snapshot_of(METERS, 1))
    links.set(0, OK)
    links.show(snapshot_of(METERS, 2))
    assert links.held
    assert links.held_whole
    links.set(1, OK)
    links.show(snapshot_of(METERS, 3))
    assert (links.held, bool(links.held_whole)) == ({}, True)
    links.set(None, OK)
    links.show(snapshot_of(METERS, 4))
    assert links.held_whole == {}


def test_the_faults_of_groups_go_to_each_of_their_meters() -> None:
    silent, drop = {"mode": "silent", "count": 2}, {"mode": "drop"}
    groups = [(2, _section()), (2, _section(all=silent)), (1, _section(modbus=drop))]
    faults = faults_by_row(_section(all={"mode": "slow"}), groups)
    slow, struck, dropped = LinkFault("slow", delay_s=0.5), LinkFault("silent", count=2), LinkFault("drop")
    assert faults == {
        None: dict.fromkeys(MODES, slow),
        2: dict.fromkeys(MODES, struck),
        3: dict.fromkeys(MODES, struck),
        4: {"modbus": dropped},
    }
    links = links_of(0, faults)["modbus"]
    assert _modes(links, [2, 2, 2, 3, 4, 0]) == ["silent", "silent", "slow", "silent", "drop", "slow"]

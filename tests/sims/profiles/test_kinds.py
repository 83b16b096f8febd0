"""The table of the kinds of load, and how meters are put into groups."""

import importlib
import pkgutil
from collections.abc import Callable

import pytest

from sims import profiles
from sims.models import MODELS
from sims.profiles import (
    KINDS,
    ConstantLoad,
    DailyShape,
    LineCurrents,
    LoadError,
    LoadGroup,
    LoadSpec,
    build_groups,
)
from tests.sims.profiles.conftest import LoadsAt


def _of_every_file(wanted: Callable[[type], bool]) -> set[type]:
    """Return the classes, each from the file that defines it, which are `wanted`."""
    names = [module.name for module in pkgutil.iter_modules(profiles.__path__, "sims.profiles.")]
    return {
        thing
        for name in names
        for thing in vars(importlib.import_module(name)).values()
        if isinstance(thing, type) and thing.__module__ == name and wanted(thing)
    }


def test_every_kind_of_load_and_no_other_has_a_line_in_the_table() -> None:
    kinds = _of_every_file(lambda thing: issubclass(thing, LoadSpec) and thing is not LoadSpec)
    assert kinds == set(KINDS)


def test_every_group_and_no_other_is_built_by_the_table() -> None:
    groups = _of_every_file(lambda thing: hasattr(thing, "apply") and thing is not LoadGroup)
    assert groups == set(KINDS.values())


def test_a_kind_of_load_and_its_group_are_in_one_file() -> None:
    assert all(group.__module__ == specification.__module__ for specification, group in KINDS.items())


def test_groups_write_the_rows_of_their_own_meters_only(loads_at: LoadsAt, start: int) -> None:
    mixed = [
        ConstantLoad(1.0),
        DailyShape("office", 20_000),
        LineCurrents((1.0, 2.0, 3.0)),
        ConstantLoad(2.0),
    ]
    together = loads_at(mixed, start)
    for row, load in enumerate(mixed):
        alone = loads_at([load], start, serials=[f"serial-{row}"])
        assert together.active[:, row].tolist() == alone.active[:, 0].tolist()
        assert together.reactive[:, row].tolist() == alone.reactive[:, 0].tolist()


def test_no_meters_make_no_groups(start: int) -> None:
    assert build_groups([], [], [], seed=0, start=start) == []


def test_a_load_that_does_not_fit_its_model_is_refused_with_its_key(start: int) -> None:
    with pytest.raises(LoadError, match=r"amps: has 2 values; series-2000-277-480 has 3 elements") as refusal:
        build_groups([LineCurrents((1.0, 2.0))], [MODELS["series-2000-277-480"]], ["A"], seed=0, start=start)
    assert refusal.value.key == "amps"

"""Finds and reads register maps: those that come along, by name, and a user's own, by file.

What may stand in a file is judged in `schema` and `build`.
"""

from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from register_maps import yaml_reader
from register_maps.build import build, clash_problem
from register_maps.errors import Problem, RegisterMapError
from register_maps.model import RegisterMap, Serves
from register_maps.places import overlaps
from sims.points import SERVICES

SUFFIX: Final = ".yaml"


def names() -> list[str]:
    """Return the names of the maps that come along."""
    return sorted(file.name.removesuffix(SUFFIX) for file in _shelf().iterdir() if file.name.endswith(SUFFIX))


def load(name: str) -> RegisterMap:
    """Return the map that comes along as `name`, or a user's own where `name` is the path of a `.yaml` file.

    Raises RegisterMapError if there is no such map or its file is wrong.
    """
    if name in names():
        return _read(_shelf() / f"{name}{SUFFIX}", f"{name}{SUFFIX}")
    if name.endswith(SUFFIX):
        return load_file(Path(name))
    allowed = f"{', '.join(names())}, or the path of a {SUFFIX} file"
    raise RegisterMapError(name, [Problem(0, "", "there is no such register map", allowed)])


def load_file(path: Path) -> RegisterMap:
    """Return the map in a user's file. Raises RegisterMapError with everything that is wrong with it."""
    return _read(path, str(path))


def starter(name: str) -> str:
    """Return the text of a map to begin with, in which every key is explained."""
    file = resources.files("register_maps") / "starter.yaml"
    return file.read_text(encoding="utf-8").replace("name: NAME", f'name: "{name}"', 1)


def check_together(maps: Sequence[RegisterMap]) -> None:
    """Raise RegisterMapError if maps cannot be served in one place, where unit k is meter k or hub k.

    Maps of meters and maps of hubs cannot; nor can two that claim the same address of one unit, which are
    told with both places. The gateway is another unit than they are.
    """
    by_subject = {each.serves: each.file for each in maps}
    if Serves.METER in by_subject and Serves.HUB in by_subject:
        message = f"describes pulse hubs, but {by_subject[Serves.METER]} meters"
        raise RegisterMapError(
            by_subject[Serves.HUB], [Problem(0, "serves", message, "one of both in a place")]
        )
    found: dict[Problem, str] = {}
    for serves in Serves:
        ours = [each for each in maps if each.serves is serves]
        for service in SERVICES if any(each.variants for each in ours) else SERVICES[:1]:
            clashes = overlaps((each.file, entry) for each in ours for entry in each.of(service).entries)
            found |= {clash_problem(clash): clash.second_file for clash in clashes}
    if found:
        file = next(iter(found.values()))
        raise RegisterMapError(file, [problem for problem in found if found[problem] == file])


def _shelf() -> Traversable:
    return resources.files("register_maps") / "maps"


def _read(file: Traversable, place: str) -> RegisterMap:
    try:
        root = yaml_reader.read(file)
    except yaml_reader.YamlError as error:
        raise RegisterMapError(place, error.problems) from None
    return build(root, place)

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
from register_maps.model import RegisterMap, overlaps

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


def check_together(maps: Sequence[RegisterMap]) -> None:
    """Raise RegisterMapError, with both places, if maps that one unit shall serve claim the same address."""
    clashes = overlaps((each.file, entry) for each in maps for entry in each.entries)
    if clashes:
        file = clashes[0].second_file
        raise RegisterMapError(file, [clash_problem(clash) for clash in clashes if clash.second_file == file])


def _shelf() -> Traversable:
    return resources.files("register_maps") / "maps"


def _read(file: Traversable, place: str) -> RegisterMap:
    try:
        root = yaml_reader.read(file)
    except yaml_reader.YamlError as error:
        raise RegisterMapError(place, error.problems) from None
    return build(root, place)

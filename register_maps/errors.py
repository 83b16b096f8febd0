"""What can be wrong with a register map. Nothing else lives here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: at `line` (0: the file as a whole), at `key`, and what is allowed there."""

    line: int
    key: str
    message: str
    allowed: str = ""


class RegisterMapError(Exception):
    """A register map cannot be used; `problems` are all that were found in `file`, in the order of lines.

    Its text has one line for each: `file:line: key: what is wrong; allowed: what is`.
    """

    def __init__(self, file: Path | str, problems: Iterable[Problem]) -> None:
        self.file = str(file)
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(self._text(problem) for problem in self.problems))

    def _text(self, problem: Problem) -> str:
        place = f"{self.file}:{problem.line}" if problem.line else self.file
        allowed = f"{problem.message}; allowed: {problem.allowed}" if problem.allowed else problem.message
        return ": ".join(part for part in (place, problem.key, allowed) if part)

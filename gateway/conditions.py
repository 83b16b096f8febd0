"""What is known of the meters beside their readings, at the tick that is shown.

How each is connected, what is wrong with its line and what came of the last turn of its key: for the event
loop alone, since the fleet may be a step ahead.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.commands import Change, Command, SetLink
from gateway.config.changes import connection, link_changed
from gateway.config.link_sections import as_section
from gateway.link_faults import LinksByProtocol
from gateway.writer import Made
from sims.key_switch import KeyOutcome
from sims.meter import MeterSpec


class Conditions:
    """The conditions of meters that are connected by `specs`, and of the lines in `links`."""

    def __init__(self, specs: Sequence[MeterSpec], links: LinksByProtocol) -> None:
        self._specs = list(specs)
        self._key_outcomes: dict[int, KeyOutcome] = {}
        self.links: Final = links

    def adopt(self, made: Made) -> None:
        """Let the conditions be those of a tick that is about to be shown."""
        if made.snapshot is None:
            return
        for row, spec in made.specs.items():
            self._specs[row] = spec
        self._key_outcomes.update(made.key_outcomes)
        for command in made.commands:
            self._set_links(command)
        for links in self.links.values():
            links.show(made.snapshot)

    def _set_links(self, command: Command) -> None:
        """Let the line that a command is about have the faults that it names."""
        match command:
            case SetLink(row, faults):
                pass
            case Change(row, changes):
                faults = link_changed(changes)
            case _:
                return
        for protocol, fault in faults.items():
            self.links[protocol].set(row, fault)

    def connection(self, row: int) -> Mapping[str, Any]:
        """Return how a meter is connected and what is wrong with its line, as a `Change` takes it."""
        return connection(self._specs[row]) | {"link": self.link(row)}

    def link(self, row: int | None = None) -> Mapping[str, Any]:
        """Return the faults of a meter's line, or of the port, with what is left of them, by protocol."""
        return as_section({protocol: links.fault(row) for protocol, links in self.links.items()})

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what has come of the last turn of a key, None before the first."""
        return self._key_outcomes.get(row)

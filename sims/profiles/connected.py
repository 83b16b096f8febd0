"""The loads of all meters: which groups hold them, what they draw now, and when that changes.

No kind of load is known here, and nothing of a meter but what its load needs.
"""

from collections.abc import Sequence

from sims.models import Model
from sims.profiles import KINDS, build_groups
from sims.profiles.base import FOREVER, LineLoads, LoadGroup, LoadSpec


class ConnectedLoads:
    """The load of every meter from simulated time `start` [ns since 1970 UTC] on, one entry a meter.

    `lines` is what they draw until `next_edge` [ns].
    """

    def __init__(
        self,
        loads: Sequence[LoadSpec],
        models: Sequence[Model],
        serials: Sequence[str],
        *,
        seed: int,
        start: int,
    ) -> None:
        self.lines = LineLoads.none(len(loads))
        self._loads, self._models, self._serials = loads, models, serials
        self._seed, self._start = seed, start
        groups = build_groups(loads, models, serials, seed=seed, start=start)
        self._due: list[tuple[int, LoadGroup]] = [(start, group) for group in groups]
        self.advance(start)

    def advance(self, time: int) -> None:
        """Let every load that has an edge at `time` [ns] change."""
        self._due = [
            (group.apply(time, self.lines) if edge == time else edge, group) for edge, group in self._due
        ]
        self.next_edge = min((edge for edge, _ in self._due), default=FOREVER)

    def change(self, row: int, load: LoadSpec, time: int) -> None:
        """Connect another load to the meter in `row`, at `time` [ns]; it goes on as if always there.

        The groups of its kind and of the kind before are built anew, the others stay. What is held is
        replaced, not altered, so a copy (`copy.copy`) made before stays as it was, whatever is raised.
        """
        concerned = {KINDS[type(self._loads[row])], KINDS[type(load)]}
        self._loads = [*self._loads[:row], load, *self._loads[row + 1 :]]
        groups = build_groups(
            self._loads, self._models, self._serials, seed=self._seed, start=self._start, among=concerned
        )
        self._due = [(edge, group) for edge, group in self._due if type(group) not in concerned]
        self._due += [(time, group) for group in groups]
        self.lines = self.lines.without(row)
        self.advance(time)

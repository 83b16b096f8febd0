"""The half of the station that works in a thread: it alone has the fleet, and it alone saves.

One call at a time. What comes of a call is handed over as a value, and only when the store has it; which tick
is made when, and who sees what came of it, is not known here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from gateway.commands import Change, Command, HoldKey, ResetPeak, SetLink, SetPulseHub, TurnKey
from gateway.config.changes import changed
from gateway.config.settings import Config
from gateway.database import Database
from gateway.errors import RequestRefusedError
from gateway.journal import Journal
from gateway.store import Store
from sims import pulse_hub
from sims.fleet import Fleet
from sims.key_switch import KeyOutcome, too_long
from sims.meter import MeterSpec
from sims.points import nanoseconds
from sims.snapshot import Snapshot, Tick


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What came of a tick: the `snapshot` at its end, and of commands that were carried out there.

    `snapshot` is None, and there is no tick, where nothing was done at an instant that is shown already.
    `outcome` has what each of `commands` has to say, `refusal` why one was refused. `specs` are the meters
    that are connected in another way now, `key_outcomes` what has come of turns of keys, both by row.
    """

    snapshot: Snapshot | None
    key_outcomes: Mapping[int, KeyOutcome]
    commands: Sequence[Command] = ()
    outcome: tuple[str, ...] = ()
    refusal: RequestRefusedError | None = None
    specs: Mapping[int, MeterSpec] = field(default_factory=dict)


class _Plan:
    """Commands that may be carried out, each as what does it, and how meters are connected after them."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.steps: list[Callable[[], str | None]] = []
        self.specs: dict[int, MeterSpec] = {}

    def add(self, command: Command, carry_out: Callable[[], str | None]) -> None:
        """Add a command, and what carries it out and returns what it has to say."""
        self.commands.append(command)
        self.steps.append(carry_out)


class Writer:
    """The meters of `config`, from `start` [ns] on, and what they keep, in `store` if there is one.

    What is to be told of them goes into `journal`, which is in `database`, as is the store.
    """

    def __init__(
        self, config: Config, database: Database, store: Store | None, journal: Journal, start: int
    ) -> None:
        self._database = database
        self._store = store
        self._journal = journal
        self._fleet = Fleet(
            config.meters,
            start=start,
            seed=config.seed,
            memories=store.load() if store else None,
            pulse_hubs=config.modbus is not None and config.modbus.pulse_hubs,
        )
        self._shown: int | None = None  # the instant of the latest snapshot
        self._turned = set[int]()  # rows of keys of whose turning more may come

    def step(self, tick: Tick) -> Made:
        """Go on to the end of `tick`."""
        return self._made(self._fleet.step(tick))

    def change(self, commands: Sequence[Command], tick: Tick, *, broadcast: bool) -> Made:
        """Go on to the end of `tick` and carry out `commands` there: all or none, unless it is a `broadcast`.

        Of a broadcast those are left out that are refused.
        """
        intervals = self._fleet.go_on(tick.time)
        plan, refusal = _Plan(), None
        for command in commands:
            try:
                self._add(plan, command)
            except RequestRefusedError as reason:
                refusal = reason
                if not broadcast:
                    plan = _Plan()
                    break
        if not plan.commands and tick.time == self._shown:
            return Made(None, {}, refusal=refusal)
        outcome = tuple(carry_out() or "" for carry_out in plan.steps)
        made = self._made(self._fleet.snapshot(tick, intervals))
        return replace(made, commands=plan.commands, outcome=outcome, refusal=refusal, specs=plan.specs)

    def _add(self, plan: _Plan, command: Command) -> None:
        """Add to `plan` what carries out a command behind it. Raises RequestRefusedError if nothing can."""
        fleet = self._fleet
        match command:
            case Change(row, changes):
                spec = changed(plan.specs.get(row) or fleet.meter(row), changes)
                plan.add(command, partial(fleet.change, row, spec))
                plan.specs[row] = spec
            case TurnKey(row, position):
                plan.add(command, partial(self._turn_key, row, right=position == "right"))
            case HoldKey(row, seconds):
                plan.add(command, partial(self._hold_key, row, nanoseconds(seconds)))
            case ResetPeak(row):
                if refusal := fleet.no_reset(row):
                    raise RequestRefusedError(refusal)
                plan.add(command, partial(fleet.reset_peak, row))
            case SetLink():
                plan.add(command, _nothing)  # of lines the fleet knows nothing
            case SetPulseHub(number, setting, value, kept):
                value |= fleet.pulse_hub_setting(number, setting) & kept
                try:
                    pulse_hub.check(setting, value)
                except ValueError as error:
                    raise RequestRefusedError(str(error)) from None
                plan.add(command, partial(fleet.set_pulse_hub, number, setting, value))

    def _turn_key(self, row: int, *, right: bool) -> str:
        self._turned.add(row)
        return self._fleet.turn_key(row, right=right)

    def _hold_key(self, row: int, held: int) -> str:
        self._turned.add(row)
        return self._fleet.hold_key(row, held) or too_long(held)

    def _made(self, snapshot: Snapshot) -> Made:
        """Return what may be shown now that store and journal have, as one, what is kept and told of it."""
        with self._database.transaction():
            if self._store:
                self._store.save(self._fleet.memories(), snapshot.tick.time)
            self._journal.add(snapshot)
        outcomes = {row: self._fleet.key_outcome(row) for row in self._turned}
        self._turned = {row for row in self._turned if snapshot.columns["key_switch"][row]}
        self._shown = snapshot.tick.time
        return Made(snapshot, {row: outcome for row, outcome in outcomes.items() if outcome})


def _nothing() -> None:
    """Do nothing."""

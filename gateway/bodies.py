"""What clients send to turn a key or to set the clock, as pydantic models, and the commands they stand for.

The same whatever the protocol; what changes how a meter is connected is the business of `config.changes`.
"""

from functools import lru_cache
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.clock import FASTEST
from gateway.commands import HoldKey, SetClock, TurnKey
from gateway.errors import FaultyRequestError
from gateway.validation import MOST_FAULTS, Schema, explain_at


class Given(BaseModel):
    """What a client sends: nothing that is not asked for, and no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


_Body = TypeVar("_Body", bound=Given)


class ClockChange(Given):
    """What to change of a real clock; what is left out stays."""

    speed: float | None = Field(
        default=None, gt=0, le=FASTEST, description="Simulated seconds in a second, from now on"
    )
    paused: bool | None = Field(default=None, description="Whether simulated time stands still")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.speed is None and self.paused is None:
            raise ValueError("changes nothing; allowed: speed, paused, or both")
        return self

    def request(self) -> SetClock:
        """Return what is asked for."""
        return SetClock(self.speed, self.paused)


class KeySwitch(Given):
    """How to turn the key switch: right and back, or one way."""

    held_s: float | None = Field(
        default=None,
        gt=0,
        le=3600,
        description="Turn it right and, so many simulated seconds later, back",
        examples=[0.5],
    )
    position: Literal["right", "home"] | None = Field(default=None, description="Turn it one way")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.held_s is None) == (self.position is None):
            raise ValueError("is not one turn; allowed: held_s, or position")
        return self

    def command(self, row: int) -> TurnKey | HoldKey:
        """Return what turns the key of the meter in `row` so."""
        return TurnKey(row, self.position or "home") if self.held_s is None else HoldKey(row, self.held_s)

    def reset(self, reason: str) -> bool | None:
        """Return whether the turn resets the peak, None if that is still to be seen.

        `reason` is what the station says to it: why it does not, else nothing.
        """
        return None if self.position != "home" and not reason else not reason


def read(kind: type[_Body], value: object) -> _Body:
    """Return `value`, which came as JSON, as a body of that kind. Raises FaultyRequestError."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        told = (explain_at("body", one, _schema(kind)) for one in error.errors()[:MOST_FAULTS])
        raise FaultyRequestError("; ".join(told)) from None


@lru_cache
def _schema(kind: type[Given]) -> Schema:
    """Return the JSON Schema of a body, made once: every faulty one asks for it."""
    return kind.model_json_schema()

"""Where clients of Modbus may come in: settings as values, one class for each kind of place.

Nothing is bound or opened here, and nothing of the protocol is known.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

_BITS_BEYOND: Final = 1
"""The start bit."""

_FAST: Final = 19_200
_FAST_SILENCE: Final = 0.001_75
_CHARACTERS: Final = 3.5
_USB_LATENCY: Final = 0.02
_ASCII_PATIENCE: Final = 1.0


@dataclass(frozen=True, slots=True)
class NetworkListener:
    """Ports of TCP or UDP, one for every 247 meters, consecutive from `port` on, or free ones for 0.

    `option` is what moves the port, for messages.
    """

    transport: Literal["tcp", "rtu-over-tcp", "udp"]
    port: int
    maps: tuple[str, ...]
    option: str


@dataclass(frozen=True, slots=True)
class TlsListener:
    """Ports for clients that shake hands with `context`; `operators` are the roles that may write."""

    port: int
    maps: tuple[str, ...]
    option: str
    context: ssl.SSLContext
    operators: tuple[str, ...]
    transport: Literal["tls"] = "tls"


@dataclass(frozen=True, slots=True)
class SerialListener:
    """A serial line: a `device`, or a pseudo-terminal that is made and linked at `pty`; one of them is None.

    On it are `units` units: meters from number `first_meter` on, or pulse hubs from the one on that has that
    meter. `option` names the listener.
    """

    transport: Literal["rtu", "ascii"]
    device: Path | None
    pty: Path | None
    baud: int
    data_bits: int
    parity: Literal["even", "odd", "none"]
    stop_bits: int
    first_meter: int
    units: int
    maps: tuple[str, ...]
    option: str

    @property
    def form(self) -> str:
        """The form of characters as one writes it: `19200 8E1`."""
        return f"{self.baud} {self.data_bits}{self.parity[0].upper()}{self.stop_bits}"

    @property
    def character_s(self) -> float:
        """How long a character takes on the wire [s]."""
        bits = _BITS_BEYOND + self.data_bits + (self.parity != "none") + self.stop_bits
        return bits / self.baud

    @property
    def silence_s(self) -> float:
        """What lies between a request and its answer: 3.5 characters for RTU (guide V1.02, 2.5.1.1) [s]."""
        if self.transport == "ascii":
            return 0.0
        return _FAST_SILENCE if self.baud > _FAST else _CHARACTERS * self.character_s

    @property
    def patience_s(self) -> float:
        """How long the rest of a frame may keep one waiting [s].

        USB adapters hand over what has come every 16 ms only, so on a device silence is told no sooner.
        """
        if self.transport == "ascii":
            return _ASCII_PATIENCE
        return max(self.silence_s, _USB_LATENCY) if self.device else self.silence_s


Listener = NetworkListener | TlsListener | SerialListener

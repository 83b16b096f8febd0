"""Where serial lines come from: devices that may be pulled out, and pseudo-terminals made for one's own use.

What goes over them is not known here. pyserial is imported here alone, when there is a device.
"""

# ruff: noqa: PLC0415  terminals are not on every platform, and pyserial is seldom needed

import errno
import os
import select
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.transports import SerialListener

if TYPE_CHECKING:
    from serial import Serial


class SerialPort(Protocol):
    """What a serial line runs over."""

    def open(self) -> int:
        """Return an open file that does not block. Raises OSError."""

    def unread(self) -> bool:
        """Return whether something that was written would be lost if it were closed now."""

    def close(self) -> None:
        """Close it; safe to call more than once."""


class Device:
    """A serial port of this machine, for one program at a time."""

    def __init__(self, path: Path, settings: SerialListener) -> None:
        self._path = path
        self._settings = settings
        self._serial: Serial | None = None

    def open(self) -> int:
        """Return an open file that does not block. Raises OSError."""
        import termios

        import serial

        settings = self._settings
        try:
            self._serial = serial.Serial(
                str(self._path),
                baudrate=settings.baud,
                bytesize=settings.data_bits,
                parity=settings.parity[0].upper(),
                stopbits=settings.stop_bits,
                timeout=0,
                exclusive=True,
            )
            file: int = self._serial.fileno()
            _let_reads_tell_silence_from_an_end(file)
        except (ValueError, termios.error) as error:  # of what the device cannot do
            raise OSError(errno.EINVAL, str(error)) from error
        return file

    def unread(self) -> bool:
        """Return false: closing lets go out what was written."""
        return False

    def close(self) -> None:
        """Close it; safe to call more than once."""
        if self._serial:
            self._serial.close()


def _let_reads_tell_silence_from_an_end(file: int) -> None:
    """Let a read that finds nothing say so: as pyserial leaves it, it returns nothing, as after a hang-up."""
    import termios

    attributes = termios.tcgetattr(file)
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(file, termios.TCSANOW, attributes)


class Pty:
    """A pseudo-terminal, with a link to it at `path`; what is there before must be a dead link or nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: tuple[int, ...] = ()
        self._name = ""

    def open(self) -> int:
        """Return our side of it; the other one is kept open too, so that clients may come and go."""
        import tty

        if self._path.is_symlink() and _leads_somewhere(self._path):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        ours, theirs = self._files = os.openpty()
        try:
            tty.setraw(theirs)
            os.set_blocking(ours, False)
            self._name = os.ttyname(theirs)
            if self._path.is_symlink():
                self._path.unlink()
            self._path.symlink_to(self._name)
        except OSError:
            self.close()
            raise
        return ours

    def unread(self) -> bool:
        """Return whether the client has yet to read something: the end of a terminal takes that away.

        What was just written may still be on its way from our side to the client's. Asking how many bytes
        wait there does not wait for it; `poll` does.
        """
        if not self._files:
            return False
        theirs = select.poll()
        theirs.register(self._files[1], select.POLLIN)
        return bool(theirs.poll(0))

    def close(self) -> None:
        """Close it and take the link away, if it is still ours."""
        if self._path.is_symlink() and str(self._path.readlink()) == self._name:
            self._path.unlink()
        for file in self._files:
            os.close(file)
        self._files, self._name = (), ""


def _leads_somewhere(link: Path) -> bool:
    """Return whether what a link was made for is still there.

    A terminal that is younger than the link is another one: its number was given again after the first had
    gone, as when a gateway was killed.
    """
    try:
        there = link.stat()
    except OSError:
        return False
    return not stat.S_ISCHR(there.st_mode) or there.st_ctime_ns <= link.lstat().st_mtime_ns


def port_of(settings: SerialListener) -> SerialPort:
    """Return what a serial listener runs over; nothing is opened yet."""
    if settings.device:
        return Device(settings.device, settings)
    assert settings.pty is not None, settings  # noqa: S101  one of them is given
    return Pty(settings.pty)

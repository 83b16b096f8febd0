"""The command line: options in, exit codes out.

Everything heavy is imported by the command that needs it, so that `--help` is there at once. What the options
mean is decided in `gateway.config`.
"""

# ruff: noqa: PLC0415  imports where they are needed, as said above

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import typer

from gateway.addressing import MOST_METERS
from gateway.errors import MetergateError
from gateway.maps_cli import maps
from gateway.release import release

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from gateway.hub import Endpoint

_STYLE: Final[Mapping[str, Any]] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
app = typer.Typer(
    help="Simulated Leviton kWh meters on Modbus TCP, BACnet/IP and MQTT.", add_completion=False, **_STYLE
)
_config = typer.Typer(help="The configuration file.", **_STYLE)
app.add_typer(maps, name="maps")
app.add_typer(_config, name="config")

_PLACES: Final = {
    "host": ("gateway", "host"),
    "seed": ("gateway", "seed"),
    "clock": ("clock", "mode"),
    "speed": ("clock", "speed"),
    "start": ("clock", "start"),
    "modbus_port": ("modbus", "port"),
    "bacnet_port": ("bacnet", "port"),
    "mqtt_port": ("mqtt", "port"),
    "mqtt_url": ("mqtt", "url"),
    "http_port": ("http", "port"),
}
"""Where the value of each option of `run` stands in the configuration."""

_SERVICES: Final = ("modbus", "bacnet", "mqtt", "http")
_PORTS: Final = (*((service, "port") for service in _SERVICES), ("modbus", "listeners", "port"))
"""Where ports stand in the configuration; the last one in every listener that has one."""

_TOKEN: Final = "METERGATE_TOKEN"  # noqa: S105  the name of a variable


def main() -> None:
    """Run the command line; what somebody can mend is told in a line for each fault, without a trace."""
    try:
        app()
    except MetergateError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  called so by typer
    if wanted:
        typer.echo(f"metergate {release()}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take what stands before the command."""


def _says(words: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=words, show_default=False, **settings)


@app.command()
def run(
    file: Annotated[Path | None, typer.Argument(metavar="CONFIG.yaml", show_default=False)] = None,
    *,
    meters: Annotated[
        int | None, _says("So many meters, instead of those of the file.", min=1, max=MOST_METERS)
    ] = None,
    model: Annotated[str | None, _says("Model of these meters; mixed without it.", metavar="KEY")] = None,
    host: Annotated[str | None, _says("Address to serve on (127.0.0.1).", metavar="ADDR")] = None,
    seed: Annotated[int | None, _says("What everything random is drawn from (0).")] = None,
    clock: Annotated[str | None, _says("How time goes (real).", metavar="real|manual")] = None,
    speed: Annotated[float | None, _says("Simulated seconds in a second (1).")] = None,
    start: Annotated[str | None, _says("Where simulated time starts, ISO 8601.", metavar="TIME")] = None,
    state: Annotated[Path | None, _says("Keep energy, peaks and the clock here.", metavar="DIR")] = None,
    no_state: Annotated[bool, _says("Keep nothing.", "--no-state")] = False,
    modbus_port: Annotated[int | None, _says("First TCP port of Modbus (5020).", metavar="PORT")] = None,
    bacnet_port: Annotated[int | None, _says("UDP port of BACnet/IP (47808).", metavar="PORT")] = None,
    mqtt_port: Annotated[
        int | None, _says("Port of the broker that comes along (1883).", metavar="PORT")
    ] = None,
    mqtt_url: Annotated[str | None, _says("Publish to this broker and start none.", metavar="URL")] = None,
    http_port: Annotated[int | None, _says("TCP port of the HTTP API (8080).", metavar="PORT")] = None,
    no_modbus: Annotated[bool, _says("Do not serve Modbus TCP.", "--no-modbus")] = False,
    no_bacnet: Annotated[bool, _says("Do not serve BACnet/IP.", "--no-bacnet")] = False,
    no_mqtt: Annotated[bool, _says("Do not serve MQTT.", "--no-mqtt")] = False,
    no_http: Annotated[bool, _says("Do not serve HTTP.", "--no-http")] = False,
    ephemeral: Annotated[bool, _says("Bind free ports everywhere.", "--ephemeral")] = False,
    ready_file: Annotated[Path | None, _says("Write it once everything serves.", metavar="FILE")] = None,
    log_format: Annotated[Literal["text", "json"], _says("How to log to standard error (text).")] = "text",
) -> None:
    """Host the meters of a configuration file, or 10 meters without one, until SIGINT or SIGTERM."""
    given = locals()
    _refuse_both(given, "mqtt_port", "mqtt_url")
    _refuse_both(given, "state", "no_state")
    _serve(file, _options(given), ready_file, log_format)


def _refuse_both(given: Mapping[str, Any], one: str, other: str) -> None:
    if given[one] and given[other]:
        raise typer.BadParameter(f"allowed is one of {_flag(one)} and {_flag(other)}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(given: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[str, Any]]:
    """Return what the options of `run` put before the values of the file, as `load_config` takes it."""
    options: dict[tuple[str, ...], tuple[str, Any]] = {}
    if given["ephemeral"]:
        options |= dict.fromkeys(_PORTS, ("--ephemeral", 0))
    for service in _SERVICES:
        if given[f"no_{service}"]:
            options[service, "enabled"] = (f"--no-{service}", False)
    for name, place in _PLACES.items():
        if given[name] is not None:
            options[place] = (_flag(name), given[name])
    if given["mqtt_port"] is not None:
        options["mqtt", "url"] = ("--mqtt-port", None)
    if given["state"] or given["no_state"]:
        kept = str(given["state"].absolute()) if given["state"] else None
        options["state",] = ("--state" if kept else "--no-state", kept)
    if given["meters"] or given["model"]:
        options["meters",] = _fleet(given["meters"], given["model"])
    if token := os.environ.get(_TOKEN):
        options["http", "token"] = (_TOKEN, token)
    return options


def _fleet(meters: int | None, model: str | None) -> tuple[str, Any]:
    from gateway.config.fleet import DEFAULT_METERS, default_fleet

    return ("--model" if model else "--meters", default_fleet(meters or DEFAULT_METERS, model))


def _serve(
    file: Path | None,
    options: Mapping[tuple[str, ...], tuple[str, Any]],
    ready_file: Path | None,
    log_format: Literal["text", "json"],
) -> None:
    """Host the meters until a signal comes; one that comes before they are there ends the process as well."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    import asyncio
    import gc

    gc.disable()  # what is made until everything serves is there for good; `process` enables it then

    from gateway import logs
    from gateway.config.reader import load_config

    logs.set_up(log_format)
    config = load_config(file, options)

    from gateway import process

    for note in config.notes:
        logging.getLogger(__name__).warning(note)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        announce = partial(_announce, token_made_up=config.http is not None and config.http.token is None)
        runner.run(process.run(config, ready_file=ready_file, announce=announce))


def _loop_factory() -> "Callable[[], AbstractEventLoop] | None":
    """Return what makes event loops: uvloop where there is one, else None for the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _announce(endpoints: Sequence["Endpoint"], ready: Mapping[str, Any], *, token_made_up: bool) -> None:
    """Print where everything is served and, this once, the token that nobody could know otherwise."""
    from rich.console import Console
    from rich.table import Table

    from gateway.binding import is_loopback

    table = Table("Service", "Address", "Serves")
    for endpoint in endpoints:
        table.add_row(endpoint.service, endpoint.address, endpoint.serves)
    console = Console(markup=False, highlight=False)
    console.print(table)
    if token_made_up and not is_loopback(urlsplit(ready["http"]).hostname or ""):
        console.print(f"Token for changes: {ready['token']}", soft_wrap=True)


@_config.command("check")
def check_config(file: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", show_default=False)]) -> None:
    """Say whether a configuration file is right, and everything that is wrong with it."""
    from gateway.config.reader import load_config

    config = load_config(file)
    for note in config.notes:
        typer.echo(note)
    typer.echo(f"{file} is right: {len(config.meters)} meters")


@_config.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of configuration files."""
    from gateway.config.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command()
def export(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="pics: the BACnet PICS.", show_default=False)],
    file: Annotated[Path | None, typer.Argument(metavar="CONFIG.yaml", show_default=False)] = None,
    *,
    output: Annotated[Path, _says("Write to this directory.", "--output", "-o", metavar="DIR")],
) -> None:
    """Write what is known of the meters of a configuration file, or of 10 without one, for others to read."""
    from gateway.config.reader import load_config
    from gateway.errors import ConfigError
    from gateway.exports.table import EXPORTS

    if form not in EXPORTS:
        raise ConfigError(f"{form!r} is no format; allowed: {', '.join(EXPORTS)}", key="FORMAT")
    written = EXPORTS[form](load_config(file, {}))
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (output / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}", key="--output") from None
    typer.echo("\n".join(str(output / name) for name in written))

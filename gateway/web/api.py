"""The paths of the HTTP API: which method at which path gives which answer.

No sockets are opened and no readings worked out here.
"""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Response

from gateway import commands
from gateway.bodies import ClockChange, KeySwitch
from gateway.web import problems
from gateway.web.answers import Answers, Control
from gateway.web.schemas import (
    Advance,
    ClockView,
    GatewayView,
    Health,
    Index,
    KeyTurned,
    MeterList,
    Moment,
    OneMeter,
    Readiness,
)

_JSON: Final = "application/json"

_Ids = Annotated[str | None, Query(description="Ids of meters, separated by commas; all without it")]
_MeterId = Annotated[str, Path(description="Id of a meter")]


def build(answers: Answers, control: Control) -> FastAPI:
    """Return the application that gives these answers."""
    app = FastAPI(
        title="metergate",
        version=answers.version,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.RESPONSE,
    )
    problems.install(app)
    _add_health(app, answers)
    _add_readings(app, answers)
    _add_changes(app, answers, control)
    _add_keys(app, answers, control)
    _add_clock(app, answers, control)
    return app


def _add_health(app: FastAPI, answers: Answers) -> None:
    @app.get("/", summary="Where to go from here")
    async def index() -> Index:
        return answers.index()

    @app.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> Health:
        return Health(status="ok")

    @app.get(
        "/readyz",
        summary="Whether everything serves",
        responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness, "description": "Not yet"}},
    )
    async def readyz(response: Response) -> Readiness:
        readiness = answers.readiness()
        if readiness.status != "ready":
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return readiness


def _add_readings(app: FastAPI, answers: Answers) -> None:
    @app.get("/api/v1/gateway", summary="The gateway and where it serves")
    async def gateway() -> GatewayView:
        return answers.gateway()

    # Readings are many: they are answered as the bytes that they are, and the models say what is in them.
    @app.get("/api/v1/meters", response_model=MeterList, summary="Meters and their readings, all at one tick")
    async def meters(ids: _Ids = None) -> Response:
        pieces = []
        for piece in answers.meters(None if ids is None else ids.split(",")):
            pieces.append(piece)
            await asyncio.sleep(0)  # let others work
        return Response(b"".join(pieces), media_type=_JSON)

    @app.get("/api/v1/meters/{meter_id}", response_model=OneMeter, summary="One meter and its readings")
    async def meter(meter_id: _MeterId) -> Response:
        return Response(answers.meter(meter_id), media_type=_JSON)


def _add_changes(app: FastAPI, answers: Answers, control: Control) -> None:
    @app.patch(
        "/api/v1/meters/{meter_id}",
        response_model=OneMeter,
        summary="Change how a meter is connected; answered when every adapter shows the new tick",
        description="A load replaces the load, a fault that of its protocol; of the rest, what is "
        "left out stays.",
        openapi_extra={"requestBody": {"content": {_JSON: {"schema": dict(control.change_schema())}}}},
    )
    async def change_meter(meter_id: _MeterId, body: dict[str, Any]) -> Response:
        await _everywhere(control, (commands.Change(answers.row(meter_id), body),))
        return Response(answers.meter(meter_id), media_type=_JSON)

    @app.patch(
        "/api/v1/gateway",
        summary="Change the faults of the port; answered when every adapter shows the new tick",
        description="A fault replaces that of its protocol. A meter's own fault goes before the port's.",
        openapi_extra={
            "requestBody": {"content": {_JSON: {"schema": dict(control.gateway_change_schema())}}}
        },
    )
    async def change_gateway(body: dict[str, Any]) -> GatewayView:
        await _everywhere(control, (control.gateway_change(body),))
        return answers.gateway()


def _add_keys(app: FastAPI, answers: Answers, control: Control) -> None:
    @app.post("/api/v1/meters/{meter_id}/key-switch", summary="Turn the key that resets the peak demand")
    async def turn_key(meter_id: _MeterId, turn: KeySwitch) -> KeyTurned:
        (reason,) = await _everywhere(control, (turn.command(answers.row(meter_id)),))
        return answers.key_turned(turn, reason)

    @app.post("/api/v1/meters/{meter_id}/reset-peak", summary="Reset the peak demand from afar")
    async def reset_peak(meter_id: _MeterId) -> Moment:
        await _everywhere(control, (commands.ResetPeak(answers.row(meter_id)),))
        return answers.moment()


def _add_clock(app: FastAPI, answers: Answers, control: Control) -> None:
    @app.get("/api/v1/clock", summary="The clock")
    async def clock() -> ClockView:
        return answers.clock()

    @app.patch("/api/v1/clock", summary="Change the speed of a real clock, pause it or let it go on")
    async def change_clock(change: ClockChange) -> ClockView:
        await _everywhere(control, change.request())
        return answers.clock()

    @app.post(
        "/api/v1/clock/advance",
        summary="Move a manual clock on; answered when every adapter shows the new tick",
    )
    async def advance(body: Advance) -> Moment:
        await _everywhere(control, commands.Advance(body.seconds))
        return answers.moment()


async def _everywhere(control: Control, request: commands.Request) -> commands.Outcome:
    """Return what came of a request when clients of every adapter can see it. Raises RequestRefusedError."""
    outcome = await control.apply(request)
    await control.shown()
    return outcome

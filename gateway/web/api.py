"""The paths of the HTTP API: which method at which path gives which answer.

No sockets are opened and no readings worked out here.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path, Query, Response

from gateway.clock import iso
from gateway.web import problems
from gateway.web.answers import Answers, Control
from gateway.web.schemas import (
    Advance,
    ClockChange,
    ClockView,
    GatewayView,
    Health,
    Index,
    MeterList,
    Moment,
    OneMeter,
    Readiness,
)

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

    @app.get("/api/v1/meters", summary="Meters and their readings, all at one tick")
    async def meters(ids: _Ids = None) -> MeterList:
        return answers.meters(None if ids is None else ids.split(","))

    @app.get("/api/v1/meters/{meter_id}", summary="One meter and its readings")
    async def meter(meter_id: _MeterId) -> OneMeter:
        return answers.meter(meter_id)


def _add_clock(app: FastAPI, answers: Answers, control: Control) -> None:
    @app.get("/api/v1/clock", summary="The clock")
    async def clock() -> ClockView:
        return answers.clock()

    @app.patch("/api/v1/clock", summary="Change the speed of a real clock, pause it or let it go on")
    async def change_clock(change: ClockChange) -> ClockView:
        control.set_clock(speed=change.speed, paused=change.paused)
        return answers.clock()

    @app.post(
        "/api/v1/clock/advance",
        summary="Move a manual clock on; answered when every listener shows the new tick",
    )
    async def advance(body: Advance) -> Moment:
        snapshot = await control.advance(body.seconds)
        return Moment(tick=snapshot.tick.number, time=iso(snapshot.tick.time))

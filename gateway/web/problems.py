"""Errors as clients see them: problem details (RFC 9457), whatever went wrong.

One table from what is raised to what is answered; nothing is decided here.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from gateway.errors import FaultyRequestError, RequestRefusedError
from gateway.validation import MOST_FAULTS, Schema, explain, explain_at
from gateway.web.answers import UnknownMeterError
from gateway.web.schemas import ProblemDetails

MEDIA_TYPE = "application/problem+json"

RESPONSE: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Problem details",
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }
}
"""What the OpenAPI document says of every error."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an error as a response."""
    sound = detail.encode(errors="backslashreplace").decode()  # JSON can hold what UTF-8 cannot
    details = ProblemDetails(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=sound)
    return JSONResponse(details.model_dump(), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let `app` answer every error with problem details."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnknownMeterError, _unknown_meter)
    app.add_exception_handler(FaultyRequestError, _faulty)
    app.add_exception_handler(RequestRefusedError, _refused)
    app.add_exception_handler(Exception, _bug)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  for the type checker: installed for this class
    path = request.url.path
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {path}; allowed: the paths in /api/v1/openapi.json"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = (error.headers or {}).get("Allow", "")
            detail = f"{request.method} is not allowed at {path}; allowed: {allow}"
        case _:
            detail = error.detail
    return problem(error.status_code, detail, error.headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  as above
    errors = error.errors()
    if any(isinstance(one["input"], bytes) for one in errors):
        detail = "the body was not read; allowed: JSON, with the header Content-Type: application/json"
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    body: Any = request.scope["route"].body_field.field_info.annotation
    schema = TypeAdapter(body).json_schema()
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(_told(one, schema) for one in errors[:MOST_FAULTS])
    )


def _told(error: Mapping[str, Any], schema: Schema) -> str:
    """Return what pydantic found: in which part of the request, what is wrong and what is allowed."""
    where, *inside = error["loc"]
    if error["type"] == "json_invalid":
        return f"{where}, character {inside[0]}: {explain(error, schema)}"
    return explain_at(where, {**error, "loc": tuple(inside)}, schema)


def _unknown_meter(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.NOT_FOUND, str(error))


def _faulty(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _refused(_: Request, error: Exception) -> JSONResponse:
    return problem(HTTPStatus.CONFLICT, str(error))


def _bug(_: Request, error: Exception) -> JSONResponse:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug in metergate, {type(error).__name__}: see its log"
    )

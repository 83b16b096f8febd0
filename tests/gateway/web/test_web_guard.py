"""Off the loopback, without leaving it: the guard is asked as an ASGI application."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.web.guard import Guard

TOKEN = "correct horse battery staple"  # noqa: S105  of this test alone


async def _application(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _ask(method: str, headers: dict[str, str]) -> tuple[int, dict[bytes, bytes]]:
    """Return status and headers of what the guard answers off the loopback."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": "/api/v1/clock",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await Guard(_application, loopback=False, token=TOKEN)(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
async def test_off_the_loopback_the_token_lets_a_change_pass(authorization: str) -> None:
    assert (await _ask("PATCH", {"Authorization": authorization}))[0] == 200


@pytest.mark.parametrize("authorization", ["", TOKEN, "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer ü"])
async def test_off_the_loopback_a_change_without_the_token_is_refused(authorization: str) -> None:
    status, headers = await _ask("PATCH", {"Authorization": authorization} if authorization else {})
    assert status == 401
    assert headers[b"www-authenticate"] == b"Bearer"
    assert headers[b"content-type"] == b"application/problem+json"


async def test_off_the_loopback_reading_needs_no_token_and_no_name() -> None:
    assert (await _ask("GET", {"Host": "gateway.example"}))[0] == 200

"""What a request must be before the API looks at it: of a bounded size, from a known site, with the token.

An ASGI layer round the application; it knows nothing of meters.
"""

import hmac
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.binding import is_loopback
from gateway.web.problems import problem

LARGEST_BODY: Final = 1024 * 1024
"""The largest request body that is read [bytes]."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Passes requests on to `app`.

    On the `loopback` every local user may change things, and other sites are kept out by the host name that
    they call, which a page that rebinds its name to this machine cannot hide. Elsewhere `token` is asked for.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool, token: str) -> None:
        self._app = app
        self._loopback = loopback
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or let the application answer."""
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope["method"], headers):
            challenge = {"WWW-Authenticate": "Bearer"} if refusal[0] == HTTPStatus.UNAUTHORIZED else None
            await problem(*refusal, challenge)(scope, receive, send)
            return
        # What answers a GET answers a HEAD; the server leaves the body out.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        await self._app(inner, _bounded(receive), send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Return status and detail if the request is not to be looked at."""
        if self._loopback and not is_loopback(_host_name(headers)):
            return HTTPStatus.MISDIRECTED_REQUEST, (
                f"this server is not called {headers['host']!r}; allowed: localhost and loopback addresses"
            )
        if int(headers.get("content-length", "0")) > LARGEST_BODY:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE
        return None if method in _READING else self._refused_change(headers)

    def _refused_change(self, headers: Headers) -> tuple[int, str] | None:
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return HTTPStatus.FORBIDDEN, "pages of other sites may not change anything here"
        if not self._loopback and not self._authorized(headers.get("authorization", "")):
            return HTTPStatus.UNAUTHORIZED, (
                "off the loopback a call that changes something needs the header "
                "`Authorization: Bearer <token>` with this gateway's token"
            )
        return None

    def _authorized(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)


_TOO_LARGE: Final = f"the body is too large; allowed: {LARGEST_BODY} bytes"


def _host_name(headers: Headers) -> str:
    """Return the name by which the client called; one that names nothing (HTTP/1.0) is no browser."""
    try:
        return urlsplit(f"//{headers.get('host', 'localhost')}").hostname or ""
    except ValueError:
        return ""


def _bounded(receive: Receive) -> Receive:
    """Return `receive` for a body that must not be too large, whatever length it declared."""
    left = LARGEST_BODY

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        return message

    return bounded

"""What every request passes before a route sees it: where it comes from, how large it is, and that it is counted."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusal import Refused, answer
from .settings import is_loopback

__all__ = ["Gate"]

UPLOADS = "/v1/uploads"
#: Of everything that is not an upload.
_BODY_BYTES = 1_000_000
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Counted = Callable[[str, str, int], None]


class Gate:
    """An ASGI application around another one.

    Args:
        app: the other one.
        upload_bytes: size of an upload.
        local_only: there are no tokens, so that only programs of this machine may ask: pages of other sites, which a
            browser here shows, may not.
        counted: told of method, route and status of each answer.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int, local_only: bool, counted: Counted) -> None:
        self._app, self._upload_bytes, self._local_only, self._counted = app, upload_bytes, local_only, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                route = scope.get("route")
                self._counted(scope["method"], getattr(route, "path", ""), message["status"])
            await send(message)

        most = self._upload_bytes if scope["path"] == UPLOADS else _BODY_BYTES
        try:
            headers = Headers(scope=scope)
            if self._local_only:
                _check_origin(headers)
            _check_length(headers, most)
        except Refused as error:
            # what is on its way is not read, so the connection is of no more use
            await answer(error.status_code, error.detail, {"Connection": "close"})(scope, receive, noted)
            return
        await self._app(scope, _limited(receive, most), noted)


def _check_origin(headers: Headers) -> None:
    """Refuse names that lead here by tricks with DNS, and pages of other sites."""
    origin = headers.get("origin")
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        from_where = urlsplit(origin or "").netloc
    except ValueError:
        raise Refused(400, "Host and Origin: must be names or addresses.") from None
    if not is_loopback(host):
        raise Refused(403, "host: without tokens the service answers to localhost and 127.0.0.1 only.")
    if origin is not None and from_where != headers.get("host"):
        raise Refused(403, "origin: without tokens the service answers to no page of another site.")


def _check_length(headers: Headers, most: int) -> None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length: must be a number of bytes.")
    if len(length) > 18 or int(length) > most:
        raise Refused(413, f"body: at most {most:,} bytes are taken here, this one is announced to be larger.")


def _limited(receive: Receive, most: int) -> Receive:
    """Return `receive` for a body that may be longer than announced, or was not announced."""
    total = 0

    async def receive_some() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise Refused(413, f"body: at most {most:,} bytes are taken here.", {"Connection": "close"})
        return message

    return receive_some

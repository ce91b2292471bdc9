"""The process that serves: a socket, signals, and uvicorn between them."""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import sys

import uvicorn

from ..errors import InvalidRequest, LyraError
from .app import create_app
from .service import Service
from .settings import Settings, check_exposure

__all__ = ["serve"]

#: How long open connections may take to end after a signal; jobs have been stopped or end meanwhile [s].
_GRACE_S = 5


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; jobs that ran go on when the same directory is served again.

    Raises:
        InvalidRequest: the address cannot be used, strangers could get in, or `settings` name what is not there.
        DirectoryBusy: another process serves the directory.
        LyraError: the application did not start.
    """
    check_exposure(settings)
    _check_certificate(settings)
    listening = _listen(settings)
    with listening:
        service = Service(settings)
        server = _Server(_config(settings, service), service, listening)
        server.run(sockets=[listening])
        if not server.started:
            raise LyraError("service: did not start; the lines above say why.")


class _Server(uvicorn.Server):
    """Says when it is ready, and lets streams end when it is told to stop."""

    def __init__(self, config: uvicorn.Config, service: Service, listening: socket.socket) -> None:
        super().__init__(config)
        self._service, self._listening = service, listening

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn hands signals on to whoever had them before it once it is through; that is the end, not an error
        before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            super().run(sockets)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            scheme = "https" if self.config.is_ssl else "http"
            host, port = self._listening.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stderr.write(f"Serving on {scheme}://{shown}:{port} (what it can do: /docs). Ctrl-C stops it.\n")
            sys.stderr.flush()

    def handle_exit(self, sig: int, frame: object) -> None:
        self._service.stop()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def _config(settings: Settings, service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(service),
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        proxy_headers=settings.behind_proxy,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=None if settings.certificate is None else str(settings.certificate),
        ssl_keyfile=None if settings.key is None else str(settings.key),
    )


def _check_certificate(settings: Settings) -> None:
    """Refuse files that are no certificate and key of each other, before anything is begun."""
    if settings.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        raise InvalidRequest(
            f"--tls-cert {settings.certificate} --tls-key {settings.key}: are no certificate and its key in PEM "
            f"({error.strerror or error}). Check the files."
        ) from error


def _listen(settings: Settings) -> socket.socket:
    """Return a socket at the service's address."""
    try:
        found = socket.getaddrinfo(settings.host.strip("[]"), settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(found[0], found[1])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
    except OSError as error:
        raise InvalidRequest(
            f"--host {settings.host} --port {settings.port}: cannot listen there ({error.strerror or error}). "
            "Choose another port."
        ) from error
    return listening

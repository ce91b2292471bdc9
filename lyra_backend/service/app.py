"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from .. import __version__
from .gate import Gate
from .refusal import explain_refusals
from .routes import about, files, jobs, uploads
from .service import Service

__all__ = ["create_app"]

_DESCRIPTION = (
    "Text, an RGB-D photo or a splat file in; a stage that a robot can stand, walk and see in out.\n\n"
    "Send files with `POST /v1/uploads`, ask for a scene with `POST /v1/jobs`, watch it with "
    "`GET /v1/jobs/{id}/events`, and take what it made with `GET /v1/jobs/{id}/archive`. Errors are "
    '`{"error": {"code", "message"}}`.'
)


def create_app(service: Service) -> FastAPI:
    """Return the application of a service, which works while the application runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPIOffline(
        title="Lyra SceneGen",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url="/docs/oauth2-redirect",
    )
    app.state.service = service
    for part in (jobs, uploads, files, about):
        app.include_router(part.router)
    explain_refusals(app)
    app.add_middleware(
        Gate,
        upload_bytes=service.settings.limits.upload_bytes,
        local_only=not service.settings.tokens,
        counted=service.metrics.count_answer,
    )
    return app

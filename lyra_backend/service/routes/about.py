"""The service itself: what it can make, and how it is."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from ... import __version__
from ..access import Owner
from ..refusal import Refused, refusals
from ..service import Service

__all__ = ["router"]

router = APIRouter(tags=["service"])

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Health(BaseModel):
    status: Literal["ok"]
    version: str


@router.get("/v1/health", responses=refusals(503))
def health(request: Request) -> Health:
    """Say that the service takes and runs jobs. Needs no token."""
    service: Service = request.app.state.service
    service.check_open()
    if not service.runner.is_alive:
        raise Refused(503, "service: nothing runs jobs any more. Start it again.")
    return Health(status="ok", version=__version__)


@router.get("/v1/generators", responses=refusals(401))
def generators(request: Request, owner: Owner) -> dict[str, Any]:
    """List generators, colliders, primitives, presets and models, with JSON schemas of all parameters by stage."""
    service: Service = request.app.state.service
    return {**service.listing, "models": sorted(service.settings.models)}


@router.get("/metrics", response_class=Response, responses={**_TEXT, **refusals(401)})
def metrics(request: Request, owner: Owner) -> Response:
    """Counts in the text format of Prometheus."""
    service: Service = request.app.state.service
    return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

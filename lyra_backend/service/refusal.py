"""Saying no: every answer that is not what was asked for has one form."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import InvalidRequest

__all__ = ["Refused", "answer", "explain_refusals", "refusals"]

logger = logging.getLogger(__name__)

_CODES = {
    400: "bad_request",
    401: "no_token",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported",
    416: "no_such_range",
    422: "invalid",
    429: "quota",
    500: "fault",
    503: "stopping",
    507: "disk_full",
}
_MESSAGE = {"type": "object", "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}


class Refused(HTTPException):
    """A request that is not served, with the status that says why and one sentence for a person."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, dict(headers or {}))


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return ``{"error": {"code": ..., "message": ...}}``."""
    text = message.encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": {"code": _CODES.get(status, "error"), "message": text}}, status, dict(headers or {}))


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI description says of refusals with these statuses."""
    schema = {"type": "object", "properties": {"error": _MESSAGE}, "required": ["error"]}
    return {
        status: {"description": _CODES[status].replace("_", " "), "content": {"application/json": {"schema": schema}}}
        for status in statuses
    }


def explain_refusals(app: FastAPI) -> None:
    """Make `app` answer every error in that form."""

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        told = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        return answer(422, "; ".join(told))

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    async def _(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s: %s", request.method, request.url.path, error)
        return answer(507, "disk: the server cannot write. Tell its operator, and try again later.")

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        return answer(500, "service: this is a fault of the service, whose log has it. Tell its operator.")

    @app.exception_handler(InvalidRequest)
    async def _(request: Request, error: InvalidRequest) -> JSONResponse:
        return answer(422, str(error))

"""Uploads: the body of the request is the file."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ..access import Owner
from ..gate import UPLOADS
from ..refusal import Refused, refusals
from ..service import Service
from ..uploads import Upload

__all__ = ["router"]

router = APIRouter(prefix=UPLOADS, tags=["uploads"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class UploadInfo(BaseModel):
    """An upload: `id` is what requests call it, `fields` are those of a request that take it."""

    id: str
    kind: str
    bytes: int
    fields: list[str] = Field(description="Fields of a request that take it.")


class UploadList(BaseModel):
    """All uploads of a token."""

    uploads: list[UploadInfo]


@router.post("", status_code=201, responses=refusals(400, 401, 408, 413, 415, 422, 429, 503), openapi_extra=_BODY)
async def send(
    request: Request,
    owner: Owner,
    kind: Annotated[
        Literal["splat", "ksplat"] | None,
        Query(description="What the file is, for formats that have no mark. All others are told by their content."),
    ] = None,
) -> UploadInfo:
    """Send a file as the body of the request. It is named by its content: the same file again is the same upload."""
    service: Service = request.app.state.service
    service.check_open()
    try:
        upload = await service.uploads.take(owner, request.stream(), kind)
    except ClientDisconnect as error:
        raise Refused(400, "upload: the connection ended before the file did.") from error
    service.metrics.upload_bytes.inc(upload.bytes)
    return _info(upload)


@router.get("", responses=refusals(401))
def listed(request: Request, owner: Owner) -> UploadList:
    """List the uploads of this token."""
    service: Service = request.app.state.service
    return UploadList(uploads=[_info(upload) for upload in service.uploads.listed(owner)])


@router.delete("/{id}", status_code=204, responses=refusals(401, 404, 422))
async def remove(id: Annotated[str, Path(pattern="^upload:[0-9a-f]{64}$")], request: Request, owner: Owner) -> None:
    """Remove an upload. Jobs that were submitted with it are not touched."""
    service: Service = request.app.state.service
    await run_in_threadpool(service.uploads.remove, owner, id.removeprefix("upload:"))


def _info(upload: Upload) -> UploadInfo:
    return UploadInfo(id=upload.id, kind=upload.kind, bytes=upload.bytes, fields=list(upload.fields))

"""What a job made: file by file, or all of it as one archive."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel

from ..access import Owner
from ..archive import zip_stream
from ..jobs import State
from ..refusal import Refused, refusals
from ..service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1/jobs/{id}", tags=["files"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}


class FileInfo(BaseModel):
    name: str
    bytes: int


class FileList(BaseModel):
    """The results of a job."""

    files: list[FileInfo]


@router.get("/files", responses=refusals(401, 404, 409, 422))
def listed(id: str, request: Request, owner: Owner) -> FileList:
    """List what a job made."""
    found = _results(request, owner, id)
    return FileList(files=[FileInfo(name=name, bytes=path.stat().st_size) for name, path in found.items()])


@router.get(
    "/files/{name:path}",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": _BINARY}}, **refusals(401, 404, 409, 416, 422)},
)
def single(id: str, name: str, request: Request, owner: Owner) -> FileResponse:
    """Download one file, or a range of it. Names are those of the list and nothing else."""
    found = _results(request, owner, id).get(name)
    if found is None:
        raise Refused(404, "file: the job has none of this name. List them with GET /v1/jobs/{id}/files.")
    return FileResponse(found, filename=found.name)


@router.get(
    "/archive",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": _BINARY}}, **refusals(401, 404, 409, 422)},
)
def archive(id: str, request: Request, owner: Owner) -> StreamingResponse:
    """Download all files as one zip archive."""
    found = _results(request, owner, id)
    headers = {"Content-Disposition": f'attachment; filename="{id}.zip"'}
    return StreamingResponse(zip_stream(found, id), media_type="application/zip", headers=headers)


def _results(request: Request, owner: str, id: str) -> dict[str, Path]:
    service: Service = request.app.state.service
    row = service.jobs.get(owner, id)
    if row.state not in (State.ACCEPTED, State.REJECTED):
        raise Refused(409, f"job: it is {row.state}, and only finished ones have files.")
    return service.runner.folder(id).results()

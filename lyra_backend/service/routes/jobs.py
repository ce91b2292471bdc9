"""Jobs: submit, list, look, watch, cancel, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ..access import Owner
from ..events import job_events
from ..jobs import FINAL, JobRow, State, new_id
from ..refusal import Refused, refusals
from ..service import Service
from ..submission import SceneBody, accepted_request, needed_files

__all__ = ["router"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_SEEN = [state for state in State if state is not State.DELETED]
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events `state`, `progress` and, last, `end`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class Progress(BaseModel):
    """What a running job does now."""

    stage: str
    fraction: float
    message: str
    elapsed_s: float
    eta_s: float | None


class JobInfo(BaseModel):
    """A job. Times are seconds since 1970; `queue_position` is 0 for the job that is next."""

    id: str
    state: State
    request: dict[str, Any]
    message: str = Field(description="Why it failed.")
    created: float
    started: float | None
    ended: float | None
    attempts: int = Field(description="How often it began; restarts of the service make it begin again.")
    bytes: int
    queue_position: int | None
    progress: Progress | None


_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"model": JobInfo, "description": "The job that the key already stands for."}
}


class JobList(BaseModel):
    """Jobs, the newest first; `next` goes into `before` for those that are older."""

    jobs: list[JobInfo]
    next: str | None


@router.post("", status_code=201, responses={**_KNOWN, **refusals(400, 401, 404, 409, 413, 422, 429, 503)})
def submit(
    body: SceneBody,
    request: Request,
    response: Response,
    owner: Owner,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="The same key and request again give the same job, never a second one."),
    ] = None,
) -> JobInfo:
    """Queue a request for a scene. Once this has answered, the job survives whatever happens to the service."""
    service: Service = request.app.state.service
    try:
        row, is_new = _queued(service, body, owner, idempotency_key)
    except Refused as error:
        service.metrics.submissions.labels(str(error.status_code)).inc()
        raise
    service.metrics.submissions.labels("201" if is_new else "200").inc()
    service.runner.wake()
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{row.id}"
    return _info(service, row)


@router.get("", responses=refusals(401, 404, 422))
def listed(
    request: Request,
    owner: Owner,
    state: Annotated[State | None, Query(json_schema_extra={"enum": _SEEN})] = None,
    before: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobList:
    """List jobs, the newest first."""
    service: Service = request.app.state.service
    if state is State.DELETED:
        raise Refused(422, "state: deleted jobs are not listed.")
    rows = service.jobs.listed(owner, state, before, limit)
    return JobList(jobs=[_info(service, row) for row in rows], next=rows[-1].id if len(rows) == limit else None)


@router.get("/{id}", responses=refusals(401, 404, 422))
def status(id: str, request: Request, owner: Owner) -> JobInfo:
    """Say how a job is."""
    service: Service = request.app.state.service
    return _info(service, service.jobs.get(owner, id))


@router.get("/{id}/events", response_class=StreamingResponse, responses={**_EVENTS, **refusals(401, 404, 422, 429)})
async def events(id: str, request: Request, owner: Owner) -> StreamingResponse:
    """Watch a job until it ends. Any number of clients may; a client that comes later is told what is past first."""
    service: Service = request.app.state.service
    await run_in_threadpool(service.jobs.get, owner, id)
    service.check_watchers(owner)

    async def stream() -> AsyncIterator[bytes]:
        with service.watching(owner):
            found = job_events(
                lambda: service.jobs.get(owner, id), service.runner.folder(id), lambda: service.is_stopping
            )
            async for text in found:
                yield text

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/{id}/cancel", status_code=202, responses=refusals(401, 404, 422))
def cancel(id: str, request: Request, owner: Owner) -> JobInfo:
    """Stop a job. One that waits is cancelled at once, one that runs within a second; nothing of it is kept.

    A job that has ended stays as it is.
    """
    service: Service = request.app.state.service
    row = service.jobs.cancel(owner, id)
    if row.state is State.RUNNING:
        service.runner.stop_job(id)
    elif row.state is State.CANCELLED:
        service.runner.folder(id).remove()
    return _info(service, row)


@router.delete("/{id}", status_code=204, responses=refusals(401, 404, 422))
def delete(id: str, request: Request, owner: Owner) -> None:
    """Remove a job and all its files; one that runs is stopped first."""
    service: Service = request.app.state.service
    if service.jobs.delete(owner, id).state is State.RUNNING:
        service.runner.stop_job(id)
    else:
        service.runner.folder(id).remove()
        service.jobs.forget(id)


def _queued(service: Service, body: SceneBody, owner: str, key: str | None) -> tuple[JobRow, bool]:
    """Put a request into the queue, its files beside it first."""
    service.check_open()
    scene = accepted_request(body, service.listing, service.settings.models)
    id = new_id()
    folder = service.runner.folder(id)
    try:
        folder.adopt(needed_files(scene, owner, service.uploads))
        service.jobs.measure(owner, lambda running: service.runner.folder(running).size())
        row, is_new = service.jobs.submit(id, owner, scene, key)
    except BaseException as error:
        folder.remove()
        if isinstance(error, FileNotFoundError):
            raise Refused(404, "upload: it was removed meanwhile. Send it again.") from error
        raise
    if not is_new:
        folder.remove()
    return row, is_new


def _info(service: Service, row: JobRow) -> JobInfo:
    event = service.runner.latest(row.id) if row.state not in FINAL else None
    return JobInfo(
        **{name: getattr(row, name) for name in ("id", "state", "request", "message", "created", "started", "ended")},
        attempts=row.attempts,
        bytes=row.bytes,
        queue_position=service.jobs.ahead_of(row) if row.state is State.QUEUED else None,
        progress=None if event is None else Progress.model_validate(event, from_attributes=True),
    )

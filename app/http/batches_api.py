"""OpenAI's Batch API for audio: many recordings in one file of requests, answers in another."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Field

from app.batches.requests import ENDPOINTS
from app.batches.running import Order, cancel_batch, create_batch
from app.errors import bad_request, batch_not_found
from app.http.dependencies import ERRORS, CallerIn, ServiceIn
from app.http.files_api import list_document
from app.service import Service
from app.storage.batch_store import UNDER_WAY, Batch, ListPage

MAX_PAGE = 100
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512  # of metadata

batch_routes = APIRouter(prefix="/v1/batches")


class BatchOrder(BaseModel):
    """The body of a new batch. The window is a wish: a batch here is worked to its end."""

    input_file_id: str = Field(pattern=r"^[\w-]{1,100}$")
    endpoint: str
    completion_window: str = Field("24h", pattern=r"^[0-9]{1,3}[hd]$")
    metadata: dict[str, str] | None = None


async def own_batch(service: ServiceIn, caller: CallerIn, batch_id: str) -> Batch:
    """The caller's batch. Another key's batch is no batch."""
    batch = await asyncio.to_thread(service.files.find_batch, batch_id, caller)
    if batch is None:
        raise batch_not_found(batch_id[:100])
    return batch


BatchIn = Annotated[Batch, Depends(own_batch)]


@batch_routes.post("", responses=ERRORS)
async def create(
    service: ServiceIn, caller: CallerIn, order: Annotated[BatchOrder, Body()]
) -> dict[str, Any]:
    """Begin a batch: every line of its input file becomes a job."""
    if order.endpoint not in ENDPOINTS:
        known = " or ".join(ENDPOINTS)
        raise bad_request(f"endpoint must be {known}.", param="endpoint")
    metadata = order.metadata or {}
    _check_metadata(metadata)
    wanted = Order(caller, order.endpoint, order.completion_window, order.input_file_id, metadata)
    batch = await asyncio.to_thread(create_batch, service, wanted)
    return await _document(service, batch)


@batch_routes.get("", responses=ERRORS)
async def list_batches(
    service: ServiceIn,
    caller: CallerIn,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    after: str | None = None,
) -> dict[str, Any]:
    """Your batches, newest first."""
    found = await asyncio.to_thread(service.files.batches_of, caller, ListPage(limit + 1, after))
    return list_document([await _document(service, batch) for batch in found], limit)


@batch_routes.get("/{batch_id}", responses=ERRORS)
async def one_batch(service: ServiceIn, batch: BatchIn) -> dict[str, Any]:
    """How far a batch is."""
    return await _document(service, batch)


@batch_routes.post("/{batch_id}/cancel", responses=ERRORS)
async def cancel(service: ServiceIn, caller: CallerIn, batch: BatchIn) -> dict[str, Any]:
    """Stop a batch; what is done by then stays, in its files."""
    await asyncio.to_thread(cancel_batch, service, batch)
    return await _document(service, await own_batch(service, caller, batch.id))


async def _document(service: Service, batch: Batch) -> dict[str, Any]:
    """OpenAI's object `batch`."""
    completed, failed = batch.completed, batch.failed
    if batch.status in UNDER_WAY:
        completed, failed = await asyncio.to_thread(service.files.count_ended, batch.id)
    errors = {"object": "list", "data": list(batch.errors)} if batch.errors else None
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": errors,
        "input_file_id": batch.input_file,
        "completion_window": batch.window,
        "status": batch.status,
        "output_file_id": batch.output_file,
        "error_file_id": batch.error_file,
        "created_at": int(batch.created),
        "in_progress_at": None if batch.status == "failed" else int(batch.created),
        "expires_at": None,
        "finalizing_at": _ended(batch, "completed"),
        "completed_at": _ended(batch, "completed"),
        "failed_at": _ended(batch, "failed"),
        "expired_at": None,
        "cancelling_at": None if batch.cancelling is None else int(batch.cancelling),
        "cancelled_at": _ended(batch, "cancelled"),
        "request_counts": {"total": batch.total, "completed": completed, "failed": failed},
        "metadata": dict(batch.metadata) or None,
    }


def _ended(batch: Batch, status: Literal["completed", "failed", "cancelled"]) -> int | None:
    return int(batch.ended) if batch.ended is not None and batch.status == status else None


def _check_metadata(metadata: dict[str, str]) -> None:
    too_long = any(len(key) > MAX_KEY or len(value) > MAX_VALUE for key, value in metadata.items())
    if len(metadata) > MAX_PAIRS or too_long:
        message = f"metadata takes {MAX_PAIRS} pairs of {MAX_KEY} and {MAX_VALUE} characters."
        raise bad_request(message, param="metadata")

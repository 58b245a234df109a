"""OpenAI's Files API: what batches read and write. Another key's file is no file."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from app.batches.running import delete_file
from app.errors import OK, bad_request, file_not_found, too_busy
from app.http.dependencies import ERRORS, CallerIn, ServiceIn
from app.http.fields import Fields, as_choice, as_whole
from app.http.middleware import declared_bytes
from app.http.schemas import content as content_of
from app.http.uploads import check_room, on_disk, receive_form, tidy_on_disk
from app.jobs.sources import FILE_PREFIX
from app.service import Service
from app.settings import DAY
from app.storage.batch_store import ListPage, StoredFile

PURPOSES = ("batch", "user_data")
SHORTEST_SECONDS = 3600
MOST_LISTED = 10_000
RETRY_SECONDS = 60.0
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after[seconds]": {"type": "integer"},
                    },
                }
            }
        },
    }
}

CONTENT = {
    OK: content_of({"type": "string", "format": "binary"}, "The file.", "application/octet-stream"),
    **ERRORS,
}

file_routes = APIRouter(prefix="/v1/files")


async def own_file(service: ServiceIn, caller: CallerIn, file_id: str) -> StoredFile:
    """The caller's file."""
    file = await asyncio.to_thread(service.files.find_file, file_id, caller)
    if file is None:
        raise file_not_found(file_id[:100])
    return file


FileIn = Annotated[StoredFile, Depends(own_file)]


@file_routes.post("", responses=ERRORS, openapi_extra=FORM)
async def upload(request: Request, service: ServiceIn, caller: CallerIn) -> dict[str, Any]:
    """Keep a file: the requests of a batch (`batch`), or sound for them (`user_data`)."""
    peer = request.client.host if request.client else ""
    async with service.uploads.taken(caller, peer) as turn:
        await asyncio.to_thread(_check_number, service, caller)
        expected = declared_bytes(request.headers)
        await on_disk(check_room, service.folders, service.settings, expected)
        file_id = f"{FILE_PREFIX}{secrets.token_hex(12)}"
        target = service.folders.file(file_id)
        service.receiving.add(file_id)
        try:
            fields, taken = await receive_form(request, turn, target, service.settings, _judge)
            _judge(fields)
            if taken is None:
                message = "file is required."
                raise bad_request(message, param="file", code="missing_required_parameter")
            now = time.time()
            purpose, expires = fields.text("purpose") or "", now + _seconds(service, fields)
            file = StoredFile(
                *(file_id, service.executor, caller, purpose, taken.name, taken.size),
                *(now, expires),
            )
            await asyncio.to_thread(service.files.add_file, file)
        except BaseException:
            await tidy_on_disk(target.unlink, missing_ok=True)
            raise
        finally:
            service.receiving.discard(file_id)
    return file_document(file)


@file_routes.get("", responses=ERRORS)
async def list_files(
    service: ServiceIn,
    caller: CallerIn,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
    after: str | None = None,
    order: Literal["asc", "desc"] = "desc",
    purpose: str | None = None,
) -> dict[str, Any]:
    """Your files."""
    page = ListPage(limit + 1, after, is_newest_first=order == "desc")
    found = await asyncio.to_thread(service.files.files_of, caller, page, purpose)
    return list_document([file_document(file) for file in found], limit)


@file_routes.get("/{file_id}", responses=ERRORS)
async def one_file(file: FileIn) -> dict[str, Any]:
    """What a file is."""
    return file_document(file)


@file_routes.get("/{file_id}/content", responses=CONTENT)
async def content(service: ServiceIn, file: FileIn) -> Response:
    """What is in a file."""
    headers = {"Cache-Control": "no-store"}
    path = service.folders.file(file.id)
    if not await asyncio.to_thread(path.is_file):
        raise file_not_found(file.id)
    return FileResponse(
        path, media_type="application/octet-stream", filename=file.name, headers=headers
    )


@file_routes.delete("/{file_id}", responses=ERRORS)
async def delete(service: ServiceIn, file: FileIn) -> dict[str, Any]:
    """Remove a file."""
    await asyncio.to_thread(delete_file, service, file)
    return {"id": file.id, "object": "file", "deleted": True}


def file_document(file: StoredFile) -> dict[str, Any]:
    """OpenAI's object `file`."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created),
        "expires_at": int(file.expires),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }


def list_document(documents: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of `limit`; one entry more tells that there are more."""
    data = documents[:limit]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    empty = {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, "has_more": len(documents) > limit, **(ends or empty)}


def _judge(fields: Fields) -> None:
    purpose = fields.text("purpose")
    if purpose is None:
        message = "purpose is required."
        raise bad_request(message, param="purpose", code="missing_required_parameter")
    as_choice("purpose", purpose, PURPOSES)


def _seconds(service: Service, fields: Fields) -> float:
    """How long a file is kept: as long as jobs, or shorter where the client says so."""
    longest = service.settings.result_days * DAY
    text = fields.text("expires_after[seconds]")
    given = round(longest) if text is None else as_whole("expires_after[seconds]", text)
    if text and given < SHORTEST_SECONDS:
        message = f"expires_after[seconds] must be {SHORTEST_SECONDS} or more."
        raise bad_request(message, param="expires_after")
    return min(longest, given)


def _check_number(service: Service, caller: str) -> None:
    most = service.settings.files_per_key
    if service.files.count_files(caller) >= most:
        raise too_busy(f"This key has {most} files; delete some.", RETRY_SECONDS)

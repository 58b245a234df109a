"""Bodies of requests to files on disk: forms and raw uploads, in bounded memory.

The file of a form is written as it arrives, once, and hashed on the way. Text fields that come
before it (official clients send them first) can be judged before the rest is read. The client's
file name is kept as words for people; it is never a path.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from app.errors import disk_full, too_large
from app.http.fields import Fields
from app.http.multipart import FormReader, boundary_of, clean_name
from app.http.places import Turn
from app.settings import Settings
from app.storage.folders import Folders, create_private
from transcription.errors import NO_ROOM

BATCH_BYTES = 1 << 20
DISK_THREADS = 4

Judge = Callable[[Fields], object]
P = ParamSpec("P")
R = TypeVar("R")

# Threads of its own: a slow disk holds up uploads, not what else the service does in threads.
_DISK = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="upload")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on disk; `name` as the client called it, cleaned; `digest` its SHA-256."""

    name: str
    size: int
    digest: str


async def on_disk(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do what may wait for the disk, however little it is, in a thread for that."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_DISK, partial(work, *args, **kwargs))


async def tidy_on_disk(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `on_disk`, and done even if who waits for it is cancelled meanwhile."""
    return await asyncio.shield(asyncio.wrap_future(_DISK.submit(work, *args, **kwargs)))


async def receive_form(
    request: Request, turn: Turn, target: Path, settings: Settings, judge: Judge
) -> tuple[Fields, Upload | None]:
    """Read a multipart form; its `file` goes to `target`. None: the form has no file.

    `judge` is called in a thread with the fields so far when the file begins; what it raises ends
    the upload. Fields may also follow the file.
    """
    form = FormReader(boundary_of(request.headers.get("content-type")), settings)
    async with _Sink(target, settings.max_upload_bytes) as sink:
        was_judged = False
        async for chunk in request.stream():
            await turn.go_on()
            form.feed(chunk)
            if form.has_file and not was_judged:
                await asyncio.to_thread(judge, Fields(form.pairs, form.other_files))
                was_judged = True
            if len(form.file_bytes) >= BATCH_BYTES:
                await sink.write(form.take_file_bytes())
        await sink.write(form.take_file_bytes())
        form.finish()
    fields = Fields(form.pairs, form.other_files)
    if not form.has_file:
        await on_disk(target.unlink, missing_ok=True)
        return fields, None
    return fields, sink.upload(form.file_name)


async def receive_raw(
    request: Request, turn: Turn, target: Path, settings: Settings, name: str
) -> Upload:
    """Read a body that is the file itself."""
    buffer = bytearray()
    async with _Sink(target, settings.max_upload_bytes) as sink:
        async for chunk in request.stream():
            await turn.go_on()
            buffer += chunk
            if len(buffer) >= BATCH_BYTES:
                await sink.write(bytes(buffer))
                buffer.clear()
        await sink.write(bytes(buffer))
    return sink.upload(clean_name(name))


def check_room(folders: Folders, settings: Settings, expected_bytes: int) -> None:
    """Raise unless the disk keeps its reserve after an upload of so many bytes."""
    if folders.free_bytes() - expected_bytes < settings.min_free_bytes:
        raise disk_full()


class _Sink:
    """A file that grows in a thread, counted and hashed; leaving by an error removes it."""

    def __init__(self, target: Path, limit_bytes: int) -> None:
        self._target = target
        self._limit = limit_bytes
        self._hash = hashlib.sha256()
        self._size = 0
        self._writing = threading.Lock()  # who is cancelled leaves a write behind

    async def __aenter__(self) -> _Sink:
        await on_disk(self._open)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        await tidy_on_disk(self._close, is_whole=error is None)

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._limit)
        if data:
            await on_disk(self._write, data)

    def upload(self, name: str) -> Upload:
        return Upload(name, self._size, self._hash.hexdigest())

    def _open(self) -> None:
        self._file = create_private(self._target, buffering=0)

    def _close(self, *, is_whole: bool) -> None:
        with self._writing:
            self._file.close()
        if not is_whole:
            self._target.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            with self._writing:
                while view:
                    view = view[self._file.write(view) :]
        except OSError as error:
            if error.errno in NO_ROOM | {errno.EFBIG}:
                raise disk_full() from error
            raise
        self._hash.update(data)

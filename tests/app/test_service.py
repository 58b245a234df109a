from __future__ import annotations

import os

from app.batches.running import sweep_files
from app.service import sweep
from tests.app.conftest import Start


def test_sweep_removes_what_was_left_and_spares_uploads_under_way(start: Start):
    service = start().service
    for name in ("req_left", "req_waiting"):
        folder = service.folders.of(name).path
        folder.mkdir()
        os.utime(folder, (0, 0))
    service.receiving.add("req_waiting")  # it may wait long for its next turn
    sweep(service)
    assert list(service.folders.names()) == ["req_waiting"]


def test_sweep_removes_at_once_what_an_earlier_service_left(start: Start):
    """Nobody else adds to the data folder; what changed since the start may be an upload's."""
    service = start().service
    left, begun = (service.folders.of(name).path for name in ("req_left", "req_begun"))
    left_file, begun_file = (service.folders.file(name) for name in ("file_left", "file_begun"))
    for folder in (left, begun):
        folder.mkdir()
        (folder / "upload").touch()
    for file in (left_file, begun_file):
        file.touch()
    for path in (left, left / "upload", left_file):
        os.utime(path, (service.began - 1, service.began - 1))
    sweep(service)
    sweep_files(service)
    assert list(service.folders.names()) == ["req_begun"]
    assert list(service.folders.files.iterdir()) == [begun_file]

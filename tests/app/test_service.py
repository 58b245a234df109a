from __future__ import annotations

import os

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

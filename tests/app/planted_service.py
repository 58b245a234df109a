"""The service with the planted engine as a process of its own, for tests that kill it.

`python -m tests.app.planted_service FOLDER SECONDS_PER_WINDOW LOG [DATABASE_URL]` prints its port
and the seconds from its first line of code to readiness; LOG gets a line per decoded window.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from app.main import create_app
from app.server import server_of
from app.settings import Settings
from decoding.types import Clip, Decoded, DecodingOptions
from tests.app.planted import PlantedDecoder, transcribe_plainly


class LoggingDecoder(PlantedDecoder):
    """Notes every window that is begun, so that work done twice can be counted after a kill."""

    def __init__(self, seconds_per_window: float, log: Path) -> None:
        super().__init__(seconds_per_window, slots=4)
        self._log = log.open("a", buffering=1)

    def _decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        self._log.write(f"{clip.group} {clip.seed}\n")
        return super()._decode(clip, options)


def main() -> None:
    began = time.monotonic()
    folder, seconds, log, *database = sys.argv[1:]
    settings = Settings(
        port=0,
        data_dir=Path(folder),
        min_free_bytes=0,
        running_jobs=4,
        fruitless_starts=50,
        database_url=database[0] if database else None,
    )
    decoder = LoggingDecoder(float(seconds), Path(log))
    app: Any = create_app(settings, decoder, transcribe_plainly)
    server = server_of(app, settings)
    threading.Thread(target=_print_port, args=(server, began), daemon=True).start()
    server.run()


def _print_port(server: Any, began: float) -> None:
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(port, time.monotonic() - began, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()

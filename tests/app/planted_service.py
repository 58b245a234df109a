"""The service as a process of its own, for tests that kill it.

`python -m tests.app.planted_service FOLDER LOG` prints one JSON line when it serves: its port, and
the seconds that the engine took to open and the service to be ready. LOG gets a line for every
window that is handed to the engine and for every one that was decoded, so that work done twice can
be counted after a kill.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from app.engines.pool import EnginePool
from app.http.server import server_of
from app.jobs.runs import Pipeline
from app.main import create_app
from app.settings import Settings
from decoding.types import Clip, Decoded, Decoder, DecodingOptions, EngineStatistics
from tests.app.planted import WORDS_PER_WINDOW, PlantedDecoder, transcribe_plainly
from tests.app.planted_replicas import on_cluster
from tests.app.planted_worker import by_workers
from tests.trust.claimed_sound import transcribe_claimed
from tests.trust.durable_steps import DurableSteps

NEW_LIFE = "life"
PIPELINES: dict[str, Pipeline | None] = {
    "plain": transcribe_plainly,
    "claimed": transcribe_claimed,
    "whole": None,
}


class LoggingDecoder:
    """Notes the windows that pass through `decoder`; each is named by its job and its seed."""

    def __init__(self, decoder: Decoder, log: Path) -> None:
        self._decoder = decoder
        self._log = log.open("a", buffering=1)
        self._log.write(f"{NEW_LIFE}\n")
        self.model = decoder.model

    @property
    def is_alive(self) -> bool:
        return self._decoder.is_alive

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        self._log.write(f"begun {name_of(clip)}\n")
        future = self._decoder.submit(clip, options)
        future.add_done_callback(lambda done: self._note(clip, done))
        return future

    def _note(self, clip: Clip, future: Future[Decoded]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._log.write(f"done {name_of(clip)}\n")

    def cancel(self, group: str) -> None:
        self._decoder.cancel(group)

    def statistics(self) -> EngineStatistics:
        return self._decoder.statistics()

    def close(self) -> None:
        self._decoder.close()


class HoldingDecoder(PlantedDecoder):
    """Decodes what an earlier life has decoded, and others until `hold_at` in all were."""

    def __init__(self, pace: float, log: Path, hold_at: int | None) -> None:
        super().__init__(pace, slots=4, free_windows=None if hold_at is None else 0)
        lines = log.read_text().splitlines() if log.exists() else []
        self._known = {line.partition(" ")[2] for line in lines if line.startswith("done")}
        self._hold_at = hold_at or 0

    def _is_free(self, clip: Clip) -> bool:
        name = name_of(clip)
        if name not in self._known and len(self._known) >= self._hold_at:
            return False
        self._known.add(name)
        return True


def name_of(clip: Clip) -> str:
    return f"{clip.group} {clip.seed}"


def main() -> None:
    began = time.monotonic()
    given = _arguments().parse_args()
    if given.kill_at is not None:
        DurableSteps(given.folder, lambda number, _kind: _die(number == given.kill_at))
    settings = Settings(
        port=0,
        data_dir=given.folder,
        database_url=given.database,
        shared_queue=given.lease is not None,
        lease_seconds=given.lease or 15.0,
        min_free_bytes=0,
        model=given.model,
        threads=given.threads,
        precision="int8",
    )
    decoder = _decoder(given, settings)
    opened = time.monotonic()
    pipeline = PIPELINES[given.pipeline] if given.model == "planted" else None
    app: Any = create_app(settings, EnginePool.of(LoggingDecoder(decoder, given.log)), pipeline)
    server = server_of(app, settings)

    def tell() -> None:
        while not server.started:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        times = {"engine": opened - began, "service": time.monotonic() - opened}
        print(json.dumps({"port": port, **times}), flush=True)  # noqa: T201 - its output

    threading.Thread(target=tell, daemon=True).start()
    server.run()
    decoder.close()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--model", default="planted", help="a real one, or the planted engine")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds of a planted window")
    parser.add_argument("--threads", type=int, default=1, help="of a real engine")
    parser.add_argument("--hold-at", type=int, help="planted: decode so many windows in all")
    parser.add_argument("--pipeline", choices=PIPELINES, default="plain", help="planted: the way")
    parser.add_argument("--words", type=int, default=WORDS_PER_WINDOW, help="planted: in a window")
    parser.add_argument("--kill-at", type=int, help="end before this step that lasts on disk")
    parser.add_argument("--database", help="postgresql://…, SQLite if not given")
    parser.add_argument("--workers", help="planted: postgresql://… whose workers decode")
    parser.add_argument("--ray", help="planted: HOST:PORT of a cluster, whose replicas decode")
    parser.add_argument("--token", type=Path, help="file of that cluster's token")
    parser.add_argument("--replicas", type=int, default=3, help="planted: on the cluster")
    parser.add_argument("--lease", type=float, help="share the queue; seconds of a lease")
    return parser


def _die(is_time: bool) -> None:
    if is_time:
        os.kill(os.getpid(), signal.SIGKILL)


def _decoder(given: argparse.Namespace, settings: Settings) -> Decoder:
    if given.workers is not None:
        return by_workers(given.workers)
    if given.ray is not None:
        return on_cluster(given.ray, given.token, given.pace, given.replicas)
    if given.model == "planted":
        decoder = HoldingDecoder(given.pace, given.log, given.hold_at)
        decoder.words_per_window = given.words
        return decoder
    from transcription.models import open_decoder  # loads torch, which the planted engine spares

    return open_decoder(settings, own_process=True)


if __name__ == "__main__":
    main()

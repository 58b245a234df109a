"""`make demo`: the main job in one command, through the running service.

Starts the service with the demo model on a free loopback port, posts the shipped recording, shows
progress and segments as they become final, scores the transcript, writes it in every format and
stops the service. The last line on standard output is one JSON object with the figures.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.scoring import score
from transcription.models import DEMO_LIMITS

RECORDINGS = Path(__file__).parent / "recordings"
OUTPUT = Path("demo-output")
FORMATS = {"text": "txt", "srt": "srt", "vtt": "vtt", "verbose_json": "json"}
START_SECONDS = 120.0
STOP_SECONDS = 20.0

console = Console(stderr=True)


def main() -> int:
    """Run the demonstration; 0 when the transcript came back."""
    sound, reference = shipped_recording()
    console.print(DEMO_LIMITS, style="dim")
    with running_service() as address, httpx.Client(base_url=address, timeout=60.0) as client:
        began = time.perf_counter()
        job = submit(client, sound)
        follow(client, job)
        seconds = time.perf_counter() - began
        transcript = save(client, job, sound.stem)
    result = figures(transcript, reference["text"], seconds)
    console.print(
        f"\nWER {result['wer']:.2%} of {result['reference_words']} words, "
        f"{result['rtfx']:.1f} times faster than the speech, "
        f"{result['windows']} windows joined at {result['seams']} seams; "
        f"transcripts in {OUTPUT}/",
        style="bold",
        highlight=False,
    )
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def shipped_recording() -> tuple[Path, dict[str, Any]]:
    """The long recording of the repository and its exact reference."""
    description = RECORDINGS / "demo-meeting.json"
    reference = json.loads(description.read_text(encoding="utf-8"))
    (sound,) = (p for p in RECORDINGS.glob("demo-meeting.*") if p != description)
    return sound, reference


@contextmanager
def running_service() -> Iterator[str]:
    """`python -m app` on a free port with its data in a folder that is gone afterwards."""
    address = f"http://127.0.0.1:{(port := _free_port())}"
    with tempfile.TemporaryDirectory(prefix="longform-demo-") as folder:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("LONGFORM_")},
            "LONGFORM_MODEL": "demo",
            "LONGFORM_DATA_DIR": folder,
        }
        command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)]
        log_path = Path(folder) / "service.log"
        with log_path.open("wb") as log, console.status("starting the service"):
            service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _wait_until_ready(service, address, log_path)
            except BaseException:
                _stop(service)
                raise
        console.print(f"the service listens on {address}")
        try:
            yield address
        finally:
            _stop(service)


def submit(client: httpx.Client, sound: Path) -> str:
    """Post the recording as a job; its id."""
    with sound.open("rb") as file:
        answer = client.post(
            "/v1/jobs", data={"model": "demo", "language": "en"}, files={"file": (sound.name, file)}
        )
    answer.raise_for_status()
    return str(answer.json()["id"])


def follow(client: httpx.Client, job: str) -> None:
    """Show progress and every final segment until the job ends; raise if it failed."""
    bar = Progress(
        TextColumn("transcribing"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} windows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("windows", total=None)
        for name, data in events(client, job):
            if name == "progress":
                bar.update(task, completed=data["windows_done"], total=data["windows_planned"])
            elif name == "segments":
                for segment in data["segments"]:
                    bar.console.print(
                        f"[{segment['start']:7.2f} → {segment['end']:7.2f}]{segment['text']}",
                        markup=False,
                        highlight=False,
                    )
            elif name == "status" and data["status"] in {"completed", "failed", "cancelled"}:
                if data["status"] != "completed":
                    raise SystemExit(f"the job ended as {data['status']}: {data['error']}")
                return


def events(client: httpx.Client, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, data) of the job's server-sent events."""
    with client.stream("GET", f"/v1/jobs/{job}/events", timeout=None) as answer:
        answer.raise_for_status()
        name, data = "message", ""
        for line in answer.iter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data += line[5:].strip()
            elif not line and data:
                yield name, json.loads(data)
                name, data = "message", ""


def save(client: httpx.Client, job: str, stem: str) -> dict[str, Any]:
    """Write the transcript in every format into `demo-output/`; the verbose one is returned."""
    OUTPUT.mkdir(exist_ok=True)
    for name, extension in FORMATS.items():
        parameters: dict[str, Any] = {"response_format": name}
        if name == "verbose_json":
            parameters["timestamp_granularities[]"] = ["word", "segment"]
        answer = client.get(f"/v1/jobs/{job}/transcript", params=parameters)
        answer.raise_for_status()
        (OUTPUT / f"{stem}.{extension}").write_text(answer.text, encoding="utf-8")
    verbose: dict[str, Any] = json.loads((OUTPUT / f"{stem}.json").read_text(encoding="utf-8"))
    return verbose


def figures(transcript: dict[str, Any], reference: str, seconds: float) -> dict[str, Any]:
    """The figures of the last line: WER as a fraction, `rtfx` seconds of sound per second."""
    scored = score(reference, transcript["text"])
    coverage = transcript["coverage"]
    return {
        "wer": scored.wer,
        "reference_words": scored.reference_length,
        "substitutions": scored.substitutions,
        "deletions": scored.deletions,
        "insertions": scored.insertions,
        "rtfx": round(transcript["duration"] / seconds, 2),
        "seconds": round(seconds, 2),
        "audio_seconds": transcript["duration"],
        "windows": coverage["windows"],
        "seams": sum(coverage["seams"].values()),
        "uncovered_seconds": coverage["uncovered_seconds"],
        "output": str(OUTPUT.resolve()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(service: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if service.poll() is not None:
            raise SystemExit(f"the service did not start:\n{log.read_text(errors='replace')}")
        try:
            if httpx.get(f"{address}/ready", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the service was not ready after {START_SECONDS:.0f} s; see {log}")


def _stop(service: subprocess.Popen[bytes]) -> None:
    if service.poll() is not None:
        return
    service.send_signal(signal.SIGTERM)
    try:
        service.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


if __name__ == "__main__":
    raise SystemExit(main())

"""What the checks ask of the service, run inside its container by the image's own Python.

One JSON value on standard output. Reads the shipped recording and its reference beside itself.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from importlib.metadata import distributions
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
RECORDING = HERE / "demo-meeting.opus"
REFERENCE = HERE / "demo-meeting.json"
SBOM = Path("/usr/share/sbom/whisper-longform.cdx.json")
ROOMS = ("app", "benchmarks", "bulk", "chunking", "decoding", "training", "transcription")
MINUTE = 61.0  # seconds; in a pause between two sentences
WAIT_SECONDS = 900.0
POLL_SECONDS = 1.0


def service() -> httpx.Client:
    address = f"http://127.0.0.1:{os.environ['LONGFORM_PORT']}"
    return httpx.Client(base_url=address, timeout=WAIT_SECONDS, trust_env=False)


def ready() -> str | None:
    """The model of the service once it is ready, None if it is not."""
    try:
        with service() as client:
            answer = client.get("/ready")
        return answer.json()["model"] if answer.status_code == 200 else None
    except httpx.TransportError:
        return None


def transcribe() -> dict[str, Any]:
    """Errors in the recording's first minute."""
    minute = Path("/tmp/minute.wav")
    cut = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y"]
    subprocess.run([*cut, "-i", str(RECORDING), "-t", str(MINUTE), str(minute)], check=True)
    with service() as client, minute.open("rb") as sound:
        form = {"model": "whisper-1", "language": "en", "response_format": "json"}
        answer = client.post("/v1/audio/transcriptions", files={"file": sound}, data=form)
        return errors(answer.raise_for_status().json()["text"], MINUTE)


def submit() -> str:
    with service() as client, RECORDING.open("rb") as sound:
        answer = client.post("/v1/jobs", files={"file": sound}, data={"language": "en"})
        return answer.raise_for_status().json()["id"]


def status(job: str) -> str:
    with service() as client:
        return client.get(f"/v1/jobs/{job}").raise_for_status().json()["status"]


def result(job: str) -> dict[str, Any]:
    """Errors of the job's transcript, once it is there."""
    give_up = time.monotonic() + WAIT_SECONDS
    while (now := status(job)) != "completed":
        if now in ("failed", "cancelled") or time.monotonic() > give_up:
            raise SystemExit(f"the job is {now}")
        time.sleep(POLL_SECONDS)
    with service() as client:
        answer = client.get(f"/v1/jobs/{job}/transcript", params={"response_format": "json"})
    return errors(answer.raise_for_status().json()["text"])


def errors(text: str, until: float = math.inf) -> dict[str, Any]:
    """Errors against the sentences that end before `until` (seconds)."""
    from benchmarks.scoring import score

    sentences = json.loads(REFERENCE.read_text(encoding="utf-8"))["sentences"]
    said = " ".join(each["text"] for each in sentences if each["end"] < until)
    scored = score(said, text)
    return {"words": scored.reference_length, "wer": scored.wer}


def surroundings() -> dict[str, Any]:
    """What this process may do here."""
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return {
        "uid": os.getuid(),
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
        "writable": [place for place in ("/", "/usr", "/opt/venv", "/etc") if can_write(place)],
        "can_run_in_tmp": can_run_in(Path("/tmp")),
        "has_triton": find_spec("triton") is not None,
        "not_compiled": not_compiled(),
    }


def contents() -> dict[str, Any]:
    """Whether the list of packages in the image is right, and what pip misses."""
    sbom = json.loads(SBOM.read_text(encoding="utf-8"))
    components = [*sbom["components"], sbom["metadata"]["component"]]
    listed = {(canonicalize_name(each["name"]), each["version"]) for each in components}
    installed = {(canonicalize_name(each.name), each.version) for each in distributions()}
    asked = [sys.executable, "-m", "pip", "check"]
    checked = subprocess.run(asked, capture_output=True, text=True)
    return {
        "format": f"{sbom['bomFormat']} {sbom['specVersion']}",
        "packages": len(listed),
        "wrong": sorted(listed ^ installed),
        "missing": checked.stdout.splitlines() if checked.returncode else [],
    }


def can_write(place: str) -> bool:
    try:
        (Path(place) / "probe").write_bytes(b"")
    except OSError:
        return False
    return True


def can_run_in(folder: Path) -> bool:
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    try:
        return os.spawnv(os.P_WAIT, str(program), ["program"]) == 0
    finally:
        program.unlink()


def not_compiled() -> list[str]:
    """Files of ours that every start would have to compile, because nothing can be kept here."""
    missing = []
    for room in ROOMS:
        [folder] = find_spec(room).submodule_search_locations
        for source in Path(folder).rglob("*.py"):
            if not is_fresh(source, Path(cache_from_source(str(source)))):
                missing.append(str(source))
    return missing


def is_fresh(source: Path, compiled: Path) -> bool:
    """Whether Python would take `compiled`, which notes the size and time of its source."""
    if not compiled.is_file():
        return False
    head, seen = compiled.read_bytes()[:16], source.stat()
    numbers = [int.from_bytes(head[at : at + 4], "little") for at in (4, 8, 12)]
    return numbers == [0, int(seen.st_mtime), seen.st_size]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))

"""`make demo`: the main job in one command, through the running service.

Starts the service with the default model on a free loopback port, lets it hear ten seconds of a
person where they can be had, posts the shipped long recording or a file of your own, shows progress
and segments as they become final, scores the transcript, writes it in every format and stops the
service. The last line on standard output is one JSON object with the figures.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.demo_service import running_service
from benchmarks.human_reading import PACKAGE, TEXT, fetch_reading
from benchmarks.scoring import score
from decoding.errors import DecodingError
from transcription.models import DEMO_MODEL, settled
from transcription.package_download import SourceFailed
from transcription.settings import Settings, complaint

RECORDINGS = Path(__file__).parent / "recordings"
OUTPUT = Path("demo-output")
FORMATS = {"text": "txt", "srt": "srt", "vtt": "vtt", "verbose_json": "json"}
REQUEST_SECONDS = 120.0
ROBOT_VOICE = (
    "Next, the shipped recording: long, with an exact reference, and spoken by a synthesiser. "
    "Official Whisper base reads that robot voice at about 9 % WER; the demo model, made for it, "
    "at 0 %. For people it is the other way round."
)

console = Console(stderr=True)


def main(arguments: list[str]) -> int:
    """Run the demonstration, on the file of `arguments` if one is there; 0 when text came back."""
    own = _own_file(arguments)
    with (
        running_service(_settings()) as address,
        httpx.Client(base_url=address, timeout=REQUEST_SECONDS) as client,
    ):
        model = loaded_model(client)
        if own is None:
            result = show_shipped(client, model)
        else:
            result, _ = transcribe(client, own, {})
    result = {"model": model, **result}
    console.print(summary(result), style="bold", highlight=False)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def show_shipped(client: httpx.Client, model: str) -> dict[str, Any]:
    """A person's voice, then the shipped recording; the figures of both."""
    sound, reference = shipped_recording()
    person = None if model == DEMO_MODEL else hear_person(client)
    if model != DEMO_MODEL:
        console.print(ROBOT_VOICE, style="dim")
    result, text = transcribe(client, sound, {"language": "en"})
    return {**result, **errors(reference["text"], text), "person": person}


def loaded_model(client: httpx.Client) -> str:
    """The name of the model that the service has loaded, and what must be known of it."""
    model = client.get("/v1/models").raise_for_status().json()["data"][0]
    console.print(f"the model is {model['id']}")
    if "description" in model:
        console.print(model["description"], style="dim")
    return str(model["id"])


def hear_person(client: httpx.Client) -> dict[str, Any] | None:
    """What the service hears when a person reads; None where the reading cannot be had."""
    with tempfile.TemporaryDirectory(prefix="longform-reading-") as folder:
        try:
            sound = fetch_reading(Path(folder))
        except SourceFailed as error:
            console.print(f"no human voice to show: {error}", style="dim", highlight=False)
            return None
        with sound.open("rb") as file:
            answer = client.post(
                "/v1/audio/transcriptions",
                data={"model": "whisper-1"},
                files={"file": (sound.name, file)},
            )
    heard = str(answer.raise_for_status().json()["text"])
    console.print(
        f"a person reads (a recording of {PACKAGE.requirement}, MIT licence):\n"
        f"  said  {TEXT}\n  heard {heard}",
        markup=False,
        highlight=False,
    )
    return {"said": TEXT, "heard": heard, **errors(TEXT, heard)}


def transcribe(
    client: httpx.Client, sound: Path, options: dict[str, str]
) -> tuple[dict[str, Any], str]:
    """Figures and text of one recording, sent as a job; its transcripts are written."""
    began = time.perf_counter()
    job = submit(client, sound, options)
    follow(client, job)
    seconds = time.perf_counter() - began
    transcript = save(client, job, sound.stem)
    return figures(transcript, seconds), str(transcript["text"])


def summary(result: dict[str, Any]) -> str:
    """The figures in a sentence."""
    rate = "" if "wer" not in result else f"WER {_percent(result['wer'])} of "
    words = f"{result['reference_words']} words, " if rate else ""
    return (
        f"\n{rate}{words}{result['rtfx']:.1f} times faster than the speech, "
        f"{result['windows']} windows joined at {result['seams']} seams; "
        f"transcripts in {OUTPUT}/"
    )


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.2%}"


def _own_file(arguments: list[str]) -> Path | None:
    if not arguments:
        return None
    own = Path(arguments[0])
    if not own.is_file():
        raise SystemExit(f"there is no file {own}; give one with: make demo FILE=talk.mp3")
    return own


def _settings() -> Settings:
    """The user's own choice of model and device, with a model that is here."""
    try:
        return settled(Settings())
    except ValidationError as error:
        raise SystemExit(complaint(error)) from error
    except DecodingError as error:
        raise SystemExit(str(error)) from error


def shipped_recording() -> tuple[Path, dict[str, Any]]:
    """The long recording of the repository and its exact reference."""
    description = RECORDINGS / "demo-meeting.json"
    reference = json.loads(description.read_text(encoding="utf-8"))
    (sound,) = (p for p in RECORDINGS.glob("demo-meeting.*") if p != description)
    return sound, reference


def submit(client: httpx.Client, sound: Path, options: dict[str, str]) -> str:
    """Post the recording as a job; its id."""
    with sound.open("rb") as file:
        answer = client.post("/v1/jobs", data=options, files={"file": (sound.name, file)})
    if answer.is_client_error:
        raise SystemExit(f"{sound.name}: {answer.json()['error']['message']}")
    return str(answer.raise_for_status().json()["id"])


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


def figures(transcript: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Speed and coverage; `rtfx` is seconds of sound per second."""
    coverage = transcript["coverage"]
    return {
        "rtfx": round(transcript["duration"] / seconds, 2),
        "seconds": round(seconds, 2),
        "audio_seconds": transcript["duration"],
        "windows": coverage["windows"],
        "seams": sum(coverage["seams"].values()),
        "uncovered_seconds": coverage["uncovered_seconds"],
        "output": str(OUTPUT.resolve()),
    }


def errors(reference: str, text: str) -> dict[str, Any]:
    """Word errors of `text`; WER as a fraction."""
    scored = score(reference, text)
    return {
        "wer": scored.wer,
        "reference_words": scored.reference_length,
        "substitutions": scored.substitutions,
        "deletions": scored.deletions,
        "insertions": scored.insertions,
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""The whole GPU part in one command: correctness, flow, whole files, then speed against peers.

    python -m benchmarks speed --gpu                                on a machine with a GPU
    python -m benchmarks speed --gpu --device cpu --dry-run         all of it at toy size, anywhere

Writes a dated note. Needs no network: checkpoints of true sizes are made on the card. Each step has
its time and a process of its own; what it told is kept, so that the same command goes on where it
was cut off. What the steps are is benchmarks/speed/gpu_steps.py's matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.checkpoint_conversion import cache_folder
from benchmarks.cli.output import note
from benchmarks.machine import describe_machine, our_source
from benchmarks.speed.gpu_steps import Part, Step, full, rehearsal, steps
from benchmarks.speed.report import PACKAGES, version_of
from benchmarks.worker_process import Worker, WorkFailed

RESULTS: Final = Path(__file__).parents[1] / "results"
LOADING_SECONDS: Final = 60.0  # of a step's process, until it has what it imports
REHEARSAL: Final = 8  # times as long a step may take that is rehearsed, on a processor

Do = Callable[[Step], list[str]]


def run(device: str, cache: Path | None, *, is_dry: bool, do: Do | None = None) -> Path:
    """Do all that was not done yet and write the note, whose path is returned and told.

    The note is written anew after every step: what fails or is cut short loses nothing else. `do`:
    how a step is done; in a process of its own if None.
    """
    cache = cache or cache_folder()
    part = (rehearsal if is_dry else full)(device, str(cache))
    folder = cache if is_dry else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{date.today().isoformat()}-gpu-speed{'-dry-run' if is_dry else ''}"
    target, kept = folder / f"{name}.md", cache / f"{name}-{our_source()}"
    lines = _head(part, is_dry=is_dry)
    for step in steps(part):
        note(step.title)
        told = _told(step, kept, do or partial(_apart, part=part, is_dry=is_dry))
        lines += [f"## {step.title}", "", *told, ""]
        target.write_text("\n".join(lines), encoding="utf-8")
    note(f"the note is {target}")
    return target


def _head(part: Part, *, is_dry: bool) -> list[str]:
    lines = [f"# GPU part, {date.today().isoformat()}", ""]
    if is_dry:
        lines += [f"A dry run on {part.device} at toy size: no figure below says anything.", ""]
    facts = {**describe_machine(), **{name: version_of(name) for name in PACKAGES}}
    return [*lines, *(f"- {name}: {value}" for name, value in facts.items()), ""]


def _told(step: Step, kept: Path, do: Do) -> Sequence[str]:
    """What the step told when it was done before, or tells now."""
    before = kept / f"{step.name}.json"
    if before.exists():
        lines: list[str] = json.loads(before.read_text(encoding="utf-8"))
        return lines
    try:
        lines = do(step)
    except WorkFailed as error:  # nobody watches: the other steps must still run
        note(f"it did not finish: {error}")
        return [f"- DID NOT FINISH: {error}"]
    kept.mkdir(parents=True, exist_ok=True)
    unfinished = before.with_suffix(".part")
    unfinished.write_text(json.dumps(lines), encoding="utf-8")
    unfinished.rename(before)
    return lines


def _apart(step: Step, part: Part, *, is_dry: bool) -> list[str]:
    """In a process of its own, which is ended when its time is over."""
    worker = Worker(patience=LOADING_SECONDS + step.seconds * (REHEARSAL if is_dry else 1))
    work = {"name": step.name, "device": part.device, "cache": part.cache, "is_dry": is_dry}
    try:
        worker.open("benchmarks.speed.gpu_steps:OpenedStep", work)
        lines: list[str] = worker.ask("run")
        return lines
    finally:
        worker.close()

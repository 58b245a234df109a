"""What is measured of a card, step by step: each is given a `Part` and tells its lines.

`benchmarks.speed.gpu` runs each in a process of its own and writes the note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.cli.output import note
from benchmarks.machine import describe_machine
from benchmarks.speed import correctness, gpu_files, gpu_flow, voice_activity
from benchmarks.speed.plan import Scale, window_works
from benchmarks.speed.report import COLUMNS, Table, cells
from benchmarks.speed.roofline import Load, device_named, seconds_per_window
from benchmarks.speed.rounds import measure_all
from benchmarks.speed.sizes import SIZES, random_checkpoint
from benchmarks.speed.systems import sound
from benchmarks.speed.types import Row, WindowWork

WINDOW_SECONDS: Final = 30.0
GOALS: Final = {"openai-whisper": 40.0, "transformers": 6.0, "ctranslate2": 3.0}
ROOFLINE_GOAL: Final = 0.5
WER_BUDGET: Final = 0.001  # 0.1 points

Lines = Callable[["Part"], list[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """How large the part is: the real one, or a rehearsal that ends in minutes.

    `flows`: sizes and how many windows at once are watched in flow. `files`: how many copies of the
    shipped recording are transcribed at once, by `model`. `cache`: where checkpoints are made.
    """

    device: str
    precisions: tuple[str, ...]
    windows: int
    error_windows: int | None
    sizes: tuple[str, ...]
    batches: tuple[int, ...]
    tokens: int
    rounds: int
    vad_windows: int  # windows whose speech is looked for at once
    flows: tuple[tuple[str, int], ...]
    files: int
    model: str
    cache: str | None = None


def full(device: str, cache: str | None = None) -> Part:
    sizes, batches, flows = (
        ("turbo", "large-v3"),
        (1, 16, 32, 64),
        (("turbo", 32), ("large-v3", 64)),
    )
    return Part(
        device, ("fp16", "bf16"), 12, None, sizes, batches, 110, 3, 16, flows, 16, "demo", cache
    )


def rehearsal(device: str, cache: str | None = None) -> Part:
    flows = (("toy", 2),)
    return Part(device, ("bf16",), 1, 1, ("toy",), (1, 2), 4, 1, 2, flows, 2, "demo", cache)


@dataclass(frozen=True, slots=True)
class Step:
    """`seconds` that it may take, and what its lines come from. `name` is that of a file."""

    name: str
    title: str
    seconds: float
    lines: Lines


def steps(part: Part) -> Iterator[Step]:
    """All, in order. On a card they may take ten minutes together, the model's making included."""
    yield Step("tokens", "Correctness: tokens", 60, _tokens)
    yield Step("graphs", "Correctness: graphs against plain steps", 60, _graphs)
    yield Step("alone", "Correctness: alone and in a batch", 40, _batches)
    yield Step("errors", "Correctness: error rates", 60, _error_rates)
    yield Step("speech", "Voice activity: correctness and speed", 40, _voice_activity)
    for size, batch in part.flows:
        title = f"In flow: {size} size, {batch} at once, beam 5, {part.tokens} tokens"
        yield Step(f"flow-{size}-{batch}", title, 80, partial(_flow, size=size, batch=batch))
    title = f"Whole files: {part.files} at once, {part.model} model, word times"
    yield Step("files", title, 60, _files)
    for size in part.sizes:
        title = f"Speed and memory: {size} size, random weights, beam 5, {part.tokens} tokens"
        yield Step(f"speed-{size}", title, 200, partial(_speed, size=size))


class OpenedStep:
    """A step in a process of its own, of the real part or of the rehearsal."""

    def __init__(self, name: str, device: str, cache: str | None, is_dry: bool) -> None:
        part = (rehearsal if is_dry else full)(device, cache)
        self.facts: Mapping[str, Any] = {}
        self._part = part
        (self._step,) = (step for step in steps(part) if step.name == name)

    def answer(self, asked: str) -> list[str]:
        assert asked == "run"
        return self._step.lines(self._part)

    def close(self) -> None:
        """The process ends."""


def _flow(part: Part, size: str, batch: int) -> list[str]:
    checkpoint = random_checkpoint(size, _cache_of(part), part.device)
    return gpu_flow.lines(checkpoint, part.device, batch, part.tokens, part.rounds)


def _files(part: Part) -> list[str]:
    return gpu_files.lines(part.model, part.device, sound.RECORDING, part.files)


def _cache_of(part: Part) -> Path | None:
    return Path(part.cache) if part.cache else None


def _tokens(part: Part) -> list[str]:
    torch.backends.cudnn.allow_tf32 = False  # single precision is meant; matrices have it already
    windows = sound.windows(part.windows)
    found = correctness.equality("demo", part.device, windows, (None, correctness.PROMPT))
    return [
        f"- fp32 against openai-whisper's decode on {part.device}: {found.equal} of "
        f"{found.windows} windows have the same tokens, {found.near_ties} are near ties, scores "
        f"differ by at most {found.largest_score_difference:.1e}: {_mark(found.holds)}"
    ]


def _error_rates(part: Part) -> list[str]:
    reference = correctness.error_rate("demo", part.device, "fp32", part.error_windows)
    lines = [f"- word error rate at fp32: {reference.rate:.2%}"]
    for precision in part.precisions:
        found = correctness.error_rate("demo", part.device, precision, part.error_windows)
        difference = found.rate - reference.rate
        lines.append(
            f"- word error rate at {precision}: {found.rate:.2%}, {100 * difference:+.2f} points: "
            f"{_mark(difference <= WER_BUDGET)}"
        )
    return lines


def _batches(part: Part) -> list[str]:
    lines = []
    for precision in ("fp32", *part.precisions):
        batch = correctness.batches("demo", part.device, precision, max(part.windows, 2))
        lines.append(
            f"- {precision}, windows alone against {batch.windows} together: "
            f"{batch.differing_tokens} of {batch.tokens} tokens differ ({batch.rate:.2%})"
        )
    return lines


def _graphs(part: Part) -> list[str]:
    if not part.device.startswith("cuda"):
        return [f"- there are no graphs on {part.device}: every step is plain"]
    lines = []
    for precision in ("fp32", *part.precisions):
        found = correctness.graphs("demo", part.device, precision, sound.windows(part.windows))
        compared = found.compared
        verdict = f": {_mark(compared.differing_tokens == 0)}" if precision == "fp32" else ""
        lines.append(
            f"- {precision}, graphs against plain steps, {compared.windows} windows: "
            f"{compared.differing_tokens} of {compared.tokens} tokens differ "
            f"({compared.rate:.2%}){verdict}"
        )
        lines += [f"- {precision}: {why}: {_mark(is_good=False)}" for why in found.complaints]
    return lines


def _voice_activity(part: Part) -> list[str]:
    found = voice_activity.agreement(part.device, sound.windows(part.vad_windows))
    spans = voice_activity.spans(part.device)
    furthest = spans.furthest_edge
    edges = "cannot be paired" if furthest is None else f"move by at most {1000 * furthest:.0f} ms"
    took = voice_activity.cost(part.device, part.vad_windows, max(part.rounds, 5))
    return [
        f"- probabilities of {found.frames} frames, asked of {found.asked}, found on "
        f"{found.ran_on}, against NumPy's on the CPU: they differ by at most "
        f"{found.largest_difference:.1e}: {_mark(found.holds)}",
        f"- spans of speech in the recording by the engine: {spans.by_engine}, by the CPU: "
        f"{spans.by_cpu}; their edges {edges}: {_mark(spans.holds)}",
        f"- {1000 * took.median:.2f} ms ({1000 * took.least:.2f} to {1000 * took.most:.2f}) of the "
        f"device's time per window of {WINDOW_SECONDS:.0f} s, {part.vad_windows} at once, copies "
        "to and from it included",
    ]


def _speed(part: Part, size: str) -> list[str]:
    rows = measure_all(_works(part, size), part.rounds, note, one_by_one=True)
    return [*table_lines(Table(size, rows)), "", *_verdicts(rows, size, part)]


def _works(part: Part, size: str) -> Sequence[WindowWork]:
    scale = Scale(device=part.device, batches=part.batches, tokens=part.tokens, cache=part.cache)
    return window_works(size, scale)


def table_lines(table: Table) -> list[str]:
    """The rows as Markdown."""
    head = "| " + " | ".join(COLUMNS) + " |"
    rule = "|" + " --- |" * len(COLUMNS)
    return [head, rule, *("| " + " | ".join(cells(row)) + " |" for row in table.rows)]


def _verdicts(rows: Sequence[Row], size: str, part: Part) -> list[str]:
    """Ours at its best batch against each peer at its best, and against the floor."""
    ours = fastest(rows, "ours")
    if ours is None or ours.wall is None:
        return ["- ours did not run: no verdict"]
    lines = []
    for name, goal in GOALS.items():
        peer = fastest(rows, name)
        if peer is None or peer.wall is None:
            lines.append(f"- {name}: did not run here")
            continue
        ratio = peer.wall.median / ours.wall.median
        lines.append(f"- {ratio:.1f}x {name} at its best batch; goal {goal:.0f}x")
    lines.append(_against_the_floor(ours, size, part))
    return lines


def _against_the_floor(ours: Row, size: str, part: Part) -> str:
    assert ours.wall is not None
    took = ours.wall.median
    speed = f"{1000 * took:.1f} ms per window, {WINDOW_SECONDS / took:.0f}x real time"
    device = device_named(describe_machine()["device"])
    if device is None:
        return f"- {speed}; no roofline is known for this device"
    load = Load(int(ours.settings["batch"]), int(ours.settings["beam_size"]), part.tokens)
    share = seconds_per_window(SIZES[size], load, device) / took
    return f"- {speed}, {share:.0%} of the roofline; goal {ROOFLINE_GOAL:.0%}"


def fastest(rows: Sequence[Row], system: str) -> Row | None:
    """The row of a system with the least wall time for a window."""
    ran = [row for row in rows if row.settings.get("system") == system and row.wall is not None]
    return min(ran, key=lambda row: row.wall.median if row.wall else 0.0, default=None)


def _mark(is_good: bool) -> str:
    return "good" if is_good else "NOT GOOD"

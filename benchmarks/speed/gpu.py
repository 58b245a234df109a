"""The whole GPU part in one command: correctness, then speed against the roofline, then memory.

    python -m benchmarks speed --gpu                                on a machine with a GPU
    python -m benchmarks speed --gpu --device cpu --dry-run         all of it at toy size, anywhere

Writes a dated note. Needs no network: checkpoints of true sizes are made here.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import torch

from benchmarks.checkpoint_conversion import cache_folder
from benchmarks.cli.output import note
from benchmarks.machine import describe_machine
from benchmarks.speed import correctness, voice_activity
from benchmarks.speed.plan import Scale, window_works
from benchmarks.speed.report import COLUMNS, PACKAGES, Table, cells, version_of
from benchmarks.speed.roofline import Load, device_named, seconds_per_window
from benchmarks.speed.rounds import measure_all
from benchmarks.speed.sizes import SIZES
from benchmarks.speed.systems import sound
from benchmarks.speed.types import Row, WindowWork

RESULTS: Final = Path(__file__).parents[1] / "results"
WINDOW_SECONDS: Final = 30.0
GOALS: Final = {"openai-whisper": 40.0, "transformers": 6.0, "ctranslate2": 3.0}
ROOFLINE_GOAL: Final = 0.5
WER_BUDGET: Final = 0.001  # 0.1 points

Step = Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """How large the part is: the real one, or a rehearsal that ends in a minute."""

    device: str
    precisions: tuple[str, ...]
    windows: int
    error_windows: int | None
    sizes: tuple[str, ...]
    batches: tuple[int, ...]
    tokens: int
    rounds: int
    vad_windows: int  # windows whose speech is looked for at once


def full(device: str) -> Part:
    batches = (1, 16, 32, 64)
    return Part(device, ("fp16", "bf16"), 12, None, ("turbo", "large-v3"), batches, 110, 3, 16)


def rehearsal(device: str) -> Part:
    return Part(device, ("bf16",), 1, 1, ("toy",), (1, 2), 4, 1, 2)


def run(device: str, cache: Path | None, *, is_dry: bool) -> Path:
    """Do it all and write the note, whose path is returned and told.

    The note is written anew after every step: what fails or is cut short loses nothing else.
    """
    part = rehearsal(device) if is_dry else full(device)
    folder = (cache or cache_folder()) if is_dry else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{date.today().isoformat()}-gpu-speed{'-dry-run' if is_dry else ''}.md"
    lines = _head(part, is_dry=is_dry)
    for title, step in _steps(part, cache):
        note(title)
        lines += [*_tried(title, step), ""]
        target.write_text("\n".join(lines), encoding="utf-8")
    note(f"the note is {target}")
    return target


def _head(part: Part, *, is_dry: bool) -> list[str]:
    lines = [f"# GPU part, {date.today().isoformat()}", ""]
    if is_dry:
        lines += [f"A dry run on {part.device} at toy size: no figure below says anything.", ""]
    facts = {**describe_machine(), **{name: version_of(name) for name in PACKAGES}}
    return [*lines, *(f"- {name}: {value}" for name, value in facts.items()), ""]


def _steps(part: Part, cache: Path | None) -> Iterator[tuple[str, Step]]:
    yield "Correctness: tokens", partial(_tokens, part)
    yield "Correctness: error rates", partial(_error_rates, part)
    yield "Correctness: alone and in a batch", partial(_batches, part)
    yield "Correctness: graphs against plain steps", partial(_graphs, part)
    yield "Voice activity: correctness and speed", partial(_voice_activity, part)
    for size in part.sizes:
        title = f"Speed and memory: {size} size, random weights, beam 5, {part.tokens} tokens"
        yield title, partial(_speed, part, size, cache)


def _tried(title: str, step: Step) -> list[str]:
    try:
        return [f"## {title}", "", *step()]
    except Exception as error:  # noqa: BLE001 - nobody watches: the other steps must still run
        traceback.print_exc()
        return [f"## {title}", "", f"- DID NOT FINISH: {type(error).__name__}: {error}"]


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
        f"{found.ran_on}, against onnxruntime's on the CPU: they differ by at most "
        f"{found.largest_difference:.1e}: {_mark(found.holds)}",
        f"- spans of speech in the recording by the engine: {spans.by_engine}, by the CPU: "
        f"{spans.by_cpu}; their edges {edges}: {_mark(spans.holds)}",
        f"- {1000 * took.median:.2f} ms ({1000 * took.least:.2f} to {1000 * took.most:.2f}) of the "
        f"device's time per window of {WINDOW_SECONDS:.0f} s, {part.vad_windows} at once, copies "
        "to and from it included",
    ]


def _speed(part: Part, size: str, cache: Path | None) -> list[str]:
    rows = measure_all(_works(part, size, cache), part.rounds, note, one_by_one=True)
    return [*table_lines(Table(size, rows)), "", *_verdicts(rows, size, part)]


def _works(part: Part, size: str, cache: Path | None) -> Sequence[WindowWork]:
    scale = Scale(
        device=part.device,
        batches=part.batches,
        tokens=part.tokens,
        cache=str(cache) if cache else None,
    )
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

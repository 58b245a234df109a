"""The proof of equality at full size: `python -m benchmarks speed --correctness PARTS`.

Every part prints its counts and fails the command when it does not hold. Times nothing. The part
`real` takes weights and sound of your own; openai-whisper's answers are kept, so that it can be
stopped and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.checkpoint_conversion import cache_folder
from benchmarks.cli.output import note
from benchmarks.speed import correctness
from benchmarks.speed.correctness import OPTIONS, PROMPT, SCORE_TOLERANCE, Company, Equality
from benchmarks.speed.reference import Reference
from benchmarks.speed.search_equality import compare_many
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from transcription.models import fetch
from transcription.settings import Settings

SEARCH_CASES: Final = 4000
TOKENS: Final = 64
WINDOWS: Final = {"tiny": 100, "base": 40, "toy": 2}
PROMPTS: Final = (None, PROMPT)
PARTS: Final = ("search", "speech", "tiny", "base", "company")  # those that need nothing
REAL: Final = "real"
MOST_TOKENS: Final = 224  # of a window, as in openai-whisper

Line = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class RealSpeech:
    """A model and people's speech; `count`: so many windows, evenly spread, or all."""

    model: str
    sound: tuple[Path, ...]
    count: int | None = None

    def __post_init__(self) -> None:
        if not self.sound:
            raise ValueError("the part real needs sound: --sound FOLDER")


def prove(
    parts: Sequence[str],
    cache: Path | None,
    *,
    cases: int = SEARCH_CASES,
    speech: Callable[[], RealSpeech] | None = None,
) -> list[str]:
    """Run the parts. Returns those that do not hold; says what was counted as it goes.

    `speech`: what the part `real` decodes.
    """
    proofs: dict[str, Callable[[], Sequence[Line]]] = {
        "search": lambda: [_search(cases)],
        "speech": lambda: [_speech(prompt) for prompt in PROMPTS],
        "company": lambda: [_company(precision) for precision in ("fp32", "int8")],
        "tiny": lambda: [_random("tiny", cache)],
        "base": lambda: [_random("base", cache)],
        "toy": lambda: [_random("toy", cache)],
    }
    if speech is not None:
        proofs[REAL] = lambda: [_real(speech(), cache)]
    unknown = [part for part in parts if part not in proofs]
    if unknown:
        raise ValueError(f"no part is called {unknown[0]!r}; there are {', '.join(proofs)}")
    failed = []
    for part in parts:
        for line, holds in proofs[part]():
            note(f"{part}: {line}: {'holds' if holds else 'DOES NOT HOLD'}")
            if not holds and part not in failed:
                failed.append(part)
    return failed


def _search(cases: int) -> Line:
    found = compare_many(cases)
    line = (
        f"{found.equal} of {found.cases} made-up searches have openai-whisper's tokens, "
        f"scores differ by at most {found.largest_score_difference:.1e}"
    )
    holds = found.equal == found.cases and found.largest_score_difference <= SCORE_TOLERANCE
    return line, holds


def _speech(prompt: str | None) -> Line:
    found = correctness.equality("demo", "cpu", sound.stretches(), (prompt,))
    return f"{'with' if prompt else 'without'} prompt, {_equality(found)}", found.holds


def _random(size: str, cache: Path | None) -> Line:
    windows = sound.spread_windows(WINDOWS[size])
    checkpoint = str(random_checkpoint(size, cache))
    found = correctness.equality(checkpoint, "cpu", windows, PROMPTS, TOKENS)
    return f"every other window with a prompt, {_equality(found)}", found.holds


def _real(speech: RealSpeech, cache: Path | None) -> Line:
    """Languages are detected by both; English models have one. An official model is fetched."""
    model = str(fetch(Settings(model=speech.model)))
    windows = sound.windows_below(speech.sound, speech.count)
    jobs = [
        (samples, replace(OPTIONS, language=None, prompt=prompt, sample_len=MOST_TOKENS))
        for samples, prompt in zip(windows.values(), cycle(PROMPTS), strict=False)
    ]
    kept = (cache or cache_folder()) / f"openai-whisper-{Path(speech.model).stem}.jsonl"
    note(f"{REAL}: {len(windows)} windows; openai-whisper's answers are kept in {kept}")
    found = correctness.equality_of_jobs(model, "cpu", jobs, Reference(model, "cpu", kept))
    for at in found.differing:
        note(f"{REAL}: differs: {list(windows)[at]}")
    return f"{speech.model}, every other window with a prompt, {_equality(found)}", found.holds


def _equality(found: Equality) -> str:
    return (
        f"{found.equal} of {found.windows} windows have openai-whisper's tokens "
        f"({found.tokens} in all), {found.near_ties} are near ties, average log probabilities "
        f"differ by at most {found.largest_score_difference:.1e}"
    )


def _company(precision: str) -> Line:
    found: Company = correctness.company("demo", "cpu", precision, sound.spread_windows(28))
    line = (
        f"{precision}, {found.same} of {found.windows} windows are the same alone, among eight, "
        "and three at a time with refills"
    )
    return line, found.holds

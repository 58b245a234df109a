"""Which language a recording is in, settled before its windows are decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from chunking.plan import Plan
from chunking.types import Piece, Window
from decoding.types import ModelCard
from transcription.errors import UnsupportedRequest
from transcription.ingest import Track
from transcription.model_names import OFFICIAL_MEGABYTES
from transcription.options import TranscriptionOptions
from transcription.types import WindowDecoder

ENGLISH = "en"
ENGLISH_ONLY = ".en"  # how names of official models end that know nothing else


@dataclass(frozen=True, slots=True)
class Settled:
    """`options` in which the language is decided, or left to each window where `languages` is set.

    `opening`: the plan's first window, where it was decoded in that language to find it out.
    """

    options: TranscriptionOptions
    opening: tuple[Piece, ...] = ()


def settle_language(
    track: Track, plan: Plan, windows: WindowDecoder, options: TranscriptionOptions
) -> Settled:
    """Decide the language before the plan is decoded.

    Several windows vote, the first, the last and some between, each as far as the model is sure of
    it: neither one voice at the start nor a jingle decides for an hour. For that all of the track
    is read, unless the language is given. Raises `UnsupportedRequest` when the model cannot do the
    language or the task.
    """
    decoding = options.decoding
    check_model_can(options, windows.model)
    if not windows.model.is_multilingual:
        return Settled(_in_language(options, ENGLISH))
    if decoding.language is not None or decoding.languages:
        return Settled(options)
    first = _begin_first(track, plan, windows, options)
    while not track.is_whole:
        track.read_on()
    if not plan.grid:
        return Settled(options)
    probes = _spread(plan.grid, options.language_detection_windows)
    asking = replace(options, decoding=replace(decoding, task="lang_id"))
    if first is None:
        voters = windows.submit(track.recording, probes, asking).result()
        return Settled(_in_language(options, likeliest(voters)))
    voters = opening = first.result()
    while not _is_decided(voters, len(probes)):
        voters += windows.submit(track.recording, probes[len(voters) :][:1], asking).result()
    language = likeliest(voters)
    is_right = all(piece.language == language for piece in opening)
    told = tuple(replace(piece, languages=()) for piece in opening)  # as those behind it are
    return Settled(_in_language(options, language), told if is_right else ())


def _begin_first(
    track: Track, plan: Plan, windows: WindowDecoder, options: TranscriptionOptions
) -> Future[tuple[Piece, ...]] | None:
    """On the CPU, where every probe delays the first words, the first window votes while it is
    transcribed, in the language that it takes itself to be in; the others until it is decided."""
    if not windows.model.device.startswith("cpu"):
        return None
    while not (plan.windows or track.is_whole):
        track.read_on()
    if not plan.windows:
        return None
    return windows.submit(track.recording, plan.windows[:1], options)


def check_model_can(options: TranscriptionOptions, model: ModelCard) -> None:
    """Raise `UnsupportedRequest` where the options ask for what the model has not learned."""
    _check(options, model.name, model.languages, is_multilingual=model.is_multilingual)


def check_named_model_can(options: TranscriptionOptions, name: str) -> None:
    """The same before it is loaded, as far as the name of an official model tells."""
    if name in OFFICIAL_MEGABYTES and name.endswith(ENGLISH_ONLY):
        _check(options, name, (ENGLISH,), is_multilingual=False)


def _check(
    options: TranscriptionOptions, name: str, languages: Sequence[str], *, is_multilingual: bool
) -> None:
    decoding = options.decoding
    if decoding.task == "translate" and not is_multilingual:
        raise UnsupportedRequest(
            f"the model {name} knows only English and cannot translate; "
            "use a multilingual model such as large-v3"
        )
    asked = (*filter(None, (decoding.language,)), *decoding.languages)
    unknown = [code for code in asked if code not in languages]
    if unknown:
        known = f"{len(languages)} languages" if is_multilingual else "only English"
        raise UnsupportedRequest(
            f"the model {name} knows {known}, not {', '.join(map(repr, unknown))}"
        )


def likeliest(voters: Iterable[Piece]) -> str:
    """The language that is likeliest over all windows together; the first of equals."""
    votes = _votes(voters)
    return max(votes, key=votes.__getitem__) if votes else ENGLISH


def most_spoken(pieces: Iterable[Piece]) -> str:
    """The language of most words; of most pieces where there are no words; the first of equals."""
    pieces = tuple(pieces)
    votes: Counter[str] = Counter()
    for piece in pieces:
        votes[piece.language] += len(piece.words)
    if not votes.total():
        votes = Counter(piece.language for piece in pieces)
    return votes.most_common(1)[0][0] if votes else ENGLISH


def _votes(voters: Iterable[Piece]) -> dict[str, float]:
    """A window of which only its language is known counts as sure of it."""
    votes: dict[str, float] = {}
    for voter in voters:
        for code, probability in voter.languages or ((voter.language, 1.0),):
            votes[code] = votes.get(code, 0.0) + probability
    return votes


def _is_decided(voters: Sequence[Piece], of: int) -> bool:
    """Whether those that have not voted yet could not change it, however sure they were."""
    second, first = sorted((0.0, 0.0, *_votes(voters).values()))[-2:]
    return len(voters) >= of or first - second > of - len(voters)


def _in_language(options: TranscriptionOptions, language: str) -> TranscriptionOptions:
    return replace(options, decoding=replace(options.decoding, language=language))


def _spread(plan: Sequence[Window], count: int) -> tuple[Window, ...]:
    """`count` windows of the plan at even distances, first and last included, marked as probes."""
    last = len(plan) - 1
    steps = max(min(count, len(plan)) - 1, 0)
    chosen = [round(last * step / steps) for step in range(steps + 1)] if steps else [0]
    return tuple(replace(plan[place], kind="language") for place in chosen)

"""Which language a recording is in, settled before its windows are decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chunking.types import Piece, Window
from decoding.types import ModelCard
from transcription.errors import UnsupportedRequest
from transcription.options import TranscriptionOptions
from transcription.types import Recording, WindowDecoder

ENGLISH = "en"


def settle_language(
    recording: Recording,
    plan: Sequence[Window],
    windows: WindowDecoder,
    options: TranscriptionOptions,
) -> TranscriptionOptions:
    """Options in which the language is decided, or left to each window where `languages` is set.

    Several windows vote, the first, the last and some between, each as far as the model is sure of
    it: neither one voice at the start nor a jingle decides for an hour. Raises
    `UnsupportedRequest` when the model cannot do the language or the task.
    """
    decoding = options.decoding
    check_model_can(options, windows.model)
    if not windows.model.is_multilingual:
        return replace(options, decoding=replace(decoding, language=ENGLISH))
    if decoding.language is not None or decoding.languages or not plan:
        return options
    probes = _spread(plan, options.language_detection_windows)
    asking = replace(options, decoding=replace(decoding, task="lang_id"))
    pieces = windows.submit(recording, probes, asking).result()
    return replace(options, decoding=replace(decoding, language=likeliest(pieces)))


def check_model_can(options: TranscriptionOptions, model: ModelCard) -> None:
    """Raise `UnsupportedRequest` where the options ask for what the model has not learned."""
    decoding = options.decoding
    if decoding.task == "translate" and not model.is_multilingual:
        raise UnsupportedRequest(
            f"the model {model.name} knows only English and cannot translate; "
            "use a multilingual model such as large-v3"
        )
    asked = (*filter(None, (decoding.language,)), *decoding.languages)
    unknown = [code for code in asked if code not in model.languages]
    if unknown:
        known = "only English" if not model.is_multilingual else f"{len(model.languages)} languages"
        raise UnsupportedRequest(
            f"the model {model.name} knows {known}, not {', '.join(map(repr, unknown))}"
        )


def likeliest(probes: Iterable[Piece]) -> str:
    """The language that is likeliest over all windows together; the first of equals.

    A window of which only its language is known counts as sure of it.
    """
    votes: dict[str, float] = {}
    for probe in probes:
        for code, probability in probe.languages or ((probe.language, 1.0),):
            votes[code] = votes.get(code, 0.0) + probability
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


def _spread(plan: Sequence[Window], count: int) -> tuple[Window, ...]:
    """`count` windows of the plan at even distances, first and last included, marked as probes."""
    last = len(plan) - 1
    steps = max(min(count, len(plan)) - 1, 0)
    chosen = [round(last * step / steps) for step in range(steps + 1)] if steps else [0]
    return tuple(replace(plan[place], kind="language") for place in chosen)

"""Windows on their way through the decoder: a bounded number at once, pieces back in order.

Does not know what decodes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

from chunking.plan import Plan
from chunking.types import Piece, Window
from transcription.options import TranscriptionOptions
from transcription.types import Recording, WindowDecoder

GROUP_WINDOWS = 8  # submitted, and by a durable job checkpointed, together
GROUPS_IN_FLIGHT = 8  # bounds memory, and keeps 64 slots busy
TRUSTED_TEMPERATURE = 0.5
PREVIOUS_TEXT_CHARACTERS = 800  # more than the prompt's half of the context can hold


def no_repairs() -> Sequence[Window]:
    """For those who want the plan and nothing else."""
    return ()


def decode_windows(
    recording: Recording,
    plan: Plan,
    windows: WindowDecoder,
    options: TranscriptionOptions,
    repairs: Callable[[], Sequence[Window]] = no_repairs,
) -> Iterator[Piece]:
    """The pieces of `plan` in the order in which its windows were submitted, repairs among them.

    After every group the plan is asked what may be decoded now, and `repairs` what is wanted
    besides. Repairs go first, for words that could be final wait for them; then windows that
    follow one that was heard, so that chains which have begun come to an end. The order depends
    on the pieces alone, not on time.
    With previous text, a planned window is prompted by the planned window before it; a repair
    is not prompted by it, for it may lie anywhere.
    """
    waiting = deque(_groups(plan.take_ready(), options))
    in_flight: deque[Future[tuple[Piece, ...]]] = deque()
    most = 1 if options.condition_on_previous_text else GROUPS_IN_FLIGHT
    previous = ""
    while waiting or in_flight:
        while waiting and len(in_flight) < most:
            group = waiting.popleft()
            before = previous if group[0].kind == "grid" else ""
            in_flight.append(windows.submit(recording, group, _prompted(options, before)))
        for piece in in_flight.popleft().result():
            if piece.window.kind == "grid":
                previous = _text_to_pass_on(piece)
                plan.hear(piece)
            yield piece
        urgent = [*_groups(repairs(), options), *_groups(plan.take_ready(), options)]
        waiting.extendleft(reversed(urgent))


def _groups(wanted: Sequence[Window], options: TranscriptionOptions) -> list[Sequence[Window]]:
    size = 1 if options.condition_on_previous_text else GROUP_WINDOWS
    return [wanted[first : first + size] for first in range(0, len(wanted), size)]


def _prompted(options: TranscriptionOptions, previous: str) -> TranscriptionOptions:
    """Options for a window after `previous`; unchanged unless text is to be passed on."""
    if not options.condition_on_previous_text:
        return options
    prompt = " ".join(part for part in (options.decoding.prompt, previous) if part) or None
    return replace(options, decoding=replace(options.decoding, prompt=prompt))


def _text_to_pass_on(piece: Piece) -> str:
    """As in openai-whisper, text of a window that needed a temperature above 0.5 prompts nobody."""
    if piece.temperature > TRUSTED_TEMPERATURE:
        return ""
    return "".join(word.text for word in piece.words).strip()[-PREVIOUS_TEXT_CHARACTERS:]

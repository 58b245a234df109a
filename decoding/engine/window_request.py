"""A window in the engine: one object from `submit` to its `Decoded`, which says how far it is.

    WAITING ─▶ PREFILL ─▶ DECODING ─▶ WORD_TIMING ─▶ FINISHED
                  │ ◀─ once ─┘⟲ next temperature         ▲
                  └── only its language is asked for ────┘

From every phase but the last it may be DROPPED. Where memory ran out it begins anew, as another
object. Changed by the device's thread alone; who may go next, and what is computed, is decided
elsewhere.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum

from decoding.engine.language_detection import DetectedLanguage
from decoding.engine.slots import PrefilledWindow
from decoding.search.hypotheses import Hypothesis
from decoding.types import Attempt, Clip, Decoded, DecodingOptions


class Phase(Enum):
    """Where a window is; the module that moves it there."""

    WAITING = "waiting"  # for the device: decoding/engine/scheduler.py
    PREFILL = "prefill"  # under way, or over and no slot is free: decoding/engine/prefill_queue.py
    DECODING = "decoding"  # in a slot, attempt after attempt: decoding/engine/slot_table.py
    WORD_TIMING = "word timing"  # out of its slot: decoding/engine/word_timing.py
    FINISHED = "finished"  # its result is known: decoding/engine/batch.py
    DROPPED = "dropped"  # cancelled: decoding/engine/batch.py


@dataclass(slots=True, eq=False)
class WindowRequest:
    """What is asked, who waits for it, and what is known so far.

    `language`: from the prefill on. `prefilled`: from the prefill until a slot has it; None for a
    window that wants to know its language alone. `tried`: the attempts so far, in order, and
    `no_speech_prob` as the last of them was told. `has_dropped_text`: its prompt and hotwords made
    it loop, and it is tried without them. `result`: once finished.
    """

    clip: Clip
    options: DecodingOptions
    future: Future[Decoded] = field(default_factory=Future)
    phase: Phase = Phase.WAITING
    language: DetectedLanguage | None = None
    prefilled: PrefilledWindow | None = None
    num_prompt_tokens: int = 0
    no_speech_prob: float = 0.0
    tried: list[tuple[Attempt, Hypothesis]] = field(default_factory=list)
    has_dropped_text: bool = False
    result: Decoded | Exception | None = None

    @property
    def needs_slot(self) -> bool:
        return self.options.needs_slot

    @property
    def given_language(self) -> str | None:
        """As the caller says; None: it is to be detected."""
        return None if self.options.task == "lang_id" else self.options.language

    @property
    def read_before(self) -> DecodingOptions:
        """The options as the prompt is made of them."""
        if not self.has_dropped_text:
            return self.options
        return replace(self.options, prompt=None, hotwords=None)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt, _ in self.tried)

    def take_prefilled(self) -> PrefilledWindow:
        """Its place and what is known of it there; it is decoded there from now on."""
        prefilled, self.prefilled = self.prefilled, None
        assert prefilled is not None, f"a window in {self.phase} has nothing for a slot"
        return prefilled

    def finish(self, result: Decoded | Exception) -> None:
        self.phase, self.result = Phase.FINISHED, result

    def anew(self) -> WindowRequest:
        """The same before anything was done for it."""
        return WindowRequest(self.clip, self.options, self.future)

"""The ten numbers that say how large a Whisper model is, named as its checkpoints name them."""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST_MULTILINGUAL_VOCABULARY = 51_865
TOKENS_BESIDE_LANGUAGES = 51_765
TIMESTAMPS = 1501
SIGNS_BESIDE_LANGUAGES = 8  # end of text, start, tasks, previous, no speech and their like

Head = tuple[int, int]
"""Layer and place of an attention head of the text decoder."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Sizes of encoder and decoder; field names are those of openai-whisper's checkpoints."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    @property
    def is_multilingual(self) -> bool:
        return self.n_vocab >= SMALLEST_MULTILINGUAL_VOCABULARY

    @property
    def num_languages(self) -> int:
        return self.n_vocab - TOKENS_BESIDE_LANGUAGES - int(self.is_multilingual)

    @property
    def timestamp_begin(self) -> int:
        """The first timestamp token; they are the last of the vocabulary."""
        return self.n_vocab - TIMESTAMPS

    @property
    def end_of_text(self) -> int:
        """The token after the last text token."""
        return self.timestamp_begin - SIGNS_BESIDE_LANGUAGES - self.num_languages

    @property
    def head_width(self) -> int:
        """Width of one decoder head."""
        return self.n_text_state // self.n_text_head

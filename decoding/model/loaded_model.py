"""What a loaded model is: its dimensions, its modules, its vocabulary, where it runs.

Read-only after loading; everything that belongs to one clip lives elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from decoding.model.audio_encoder import AudioEncoder
from decoding.model.dimensions import Dimensions, Head
from decoding.model.text_decoder import TextDecoder
from decoding.model.vocabulary import Vocabulary
from decoding.types import ModelCard


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A Whisper model on its device. `alignment_heads`: (layer, head) pairs that follow time.

    `cuda_graphs`: on a CUDA device, steps may be recorded and replayed. `has_eight_bit_audio`: keys
    and values of the sound are kept in 8 bits, as the precision says. On CUDA none says so until a
    card has shown that it is quicker; `dataclasses.replace` turns it on.
    """

    card: ModelCard
    dimensions: Dimensions
    encoder: AudioEncoder
    decoder: TextDecoder
    alignment_heads: tuple[Head, ...]
    device: torch.device
    cuda_graphs: bool
    has_eight_bit_audio: bool = False

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.dimensions)

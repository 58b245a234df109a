"""The prompt's half of the prefill: KV cache, first logits, whether anybody speaks.

Several windows at once, or one. Where the result waits and when it gets a slot is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from decoding.device.transfer import send
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import KeyValue
from decoding.model.vocabulary import Prompt


@dataclass(frozen=True, slots=True, eq=False)
class PrefilledWindow:
    """A window after its prefill: all that a slot needs before its first token."""

    audio: list[KeyValue]  # each [1, heads, 1500, width]
    prompt: Prompt
    text: list[KeyValue]  # of the prompt, each [1, heads, len(prompt), width]
    first_logits: Tensor  # [columns]
    no_speech_prob: Tensor  # one number, still on the device
    language_prob: Tensor  # of the likeliest language, likewise

    def tensors(self) -> Iterator[Tensor]:
        for layers in (self.audio, self.text):
            for pair in layers:
                yield from pair
        yield self.first_logits
        yield self.no_speech_prob
        yield self.language_prob


class _PromptCache:
    """Keeps the prompts' keys and values."""

    def __init__(self) -> None:
        self.layers: list[KeyValue] = []

    def extend(self, layer: int, key: Tensor, value: Tensor) -> KeyValue:
        del layer  # they come in order
        self.layers.append((key, value))
        return key, value


def prefill_prompts(
    model: LoadedModel, audio: Sequence[KeyValue], prompts: Sequence[Prompt]
) -> list[PrefilledWindow]:
    """Read the prompts of the windows whose keys and values are `audio`, each layer [w, ...]."""
    if not prompts:
        return []
    decoder, device, columns = model.decoder, model.device, model.decoder.columns
    cache = _PromptCache()
    hidden = decoder.read([one.tokens for one in prompts], audio, cache)
    ends = send([(one.sot_index, len(one.tokens) - 1) for one in prompts], device)
    logits = decoder.logits(hidden.gather(1, ends[..., None].expand(-1, -1, hidden.shape[-1])))
    probabilities = (logits[:, 0] + columns.plain_bias).softmax(-1)
    no_speech = probabilities[:, columns.of([model.vocabulary.no_speech])[0]]
    language = _likeliest_language(model, logits[:, 0])
    return [
        PrefilledWindow(
            audio=[(key[at : at + 1], value[at : at + 1]) for key, value in audio],
            prompt=prompt,
            text=_of_window(cache.layers, at, len(prompt.tokens)),
            first_logits=logits[at, 1].clone(),
            no_speech_prob=no_speech[at],
            language_prob=language[at],
        )
        for at, prompt in enumerate(prompts)
    ]


def _likeliest_language(model: LoadedModel, logits: Tensor) -> Tensor:
    """The probability of the likeliest of the model's languages, [w]; `logits` [w, columns] are
    those of the transcript's start. 1 for a model that knows English alone."""
    if not model.dimensions.is_multilingual:
        return logits.new_ones(len(logits))
    tokens = [model.vocabulary.language_token(code) for code in model.vocabulary.languages]
    columns = send(model.decoder.columns.of(tokens), model.device)
    return logits.index_select(-1, columns).softmax(-1).amax(-1)


def _of_window(layers: Sequence[KeyValue], at: int, length: int) -> list[KeyValue]:
    """One window's keys and values of its prompt, copied: they are kept as long as it is decoded,
    and must not keep its neighbours' memory. (Audio stays a view, soon copied into a slot.)"""
    part = slice(at, at + 1), slice(None), slice(length)
    return [(key[part].clone(), value[part].clone()) for key, value in layers]

"""Token ids: what starts a window, what is suppressed, how tokens become text and words.

The tokenizer itself is openai-whisper's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from whisper.tokenizer import LANGUAGES, Tokenizer, get_tokenizer

from decoding.errors import UnsupportedOption
from decoding.model.dimensions import Dimensions
from decoding.types import DecodingOptions

SECONDS_PER_TIMESTAMP = 0.02
NON_SPEECH = -1  # in `suppress_tokens`: the list of signs that are not spoken


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the decoder is told before it speaks; `sot_index` is where the transcript starts."""

    tokens: tuple[int, ...]
    sot_index: int


class Vocabulary:
    """The ids and texts of one model's tokens."""

    def __init__(self, dimensions: Dimensions) -> None:
        self._dimensions = dimensions
        with warnings.catch_warnings():  # the package leaves its vocabulary file to the collector
            warnings.simplefilter("ignore", ResourceWarning)
            plain = self.tokenizer("en", "transcribe")
        self.size = dimensions.n_vocab
        self.eot: int = plain.eot
        self.sot: int = plain.sot
        self.no_speech: int = plain.no_speech
        self.no_timestamps: int = plain.no_timestamps
        self.timestamp_begin: int = plain.timestamp_begin
        self.blank: tuple[int, ...] = (*plain.encode(" "), plain.eot)
        # The package lists them as a set of strings does: in another order in each process.
        codes = plain.all_language_codes if dimensions.is_multilingual else ("en",)
        self.languages: tuple[str, ...] = tuple(sorted(codes, key=plain.to_language_token))
        self._plain = plain
        self._suppressed = lru_cache(maxsize=64)(self._find_suppressed)

    def tokenizer(self, language: str, task: str) -> Tokenizer:
        return get_tokenizer(
            self._dimensions.is_multilingual,
            num_languages=self._dimensions.num_languages,
            language=language,
            task="transcribe" if task == "lang_id" else task,
        )

    def language_token(self, code: str) -> int:
        return cast("int", self._plain.to_language_token(code))

    def check(self, options: DecodingOptions) -> None:
        """Raise `UnsupportedOption` when this model cannot do what the options ask."""
        wanted = [code for code in (options.language, *options.languages) if code is not None]
        unknown = [code for code in wanted if code not in self.languages]
        if not self._dimensions.is_multilingual:
            unknown = [code for code in unknown if code not in LANGUAGES]
            if options.language not in (None, "en") or options.task == "translate":
                raise UnsupportedOption("this model hears English only")
        if unknown:
            raise UnsupportedOption(f"this model does not know the language {unknown[0]!r}")

    def prompt(self, options: DecodingOptions, language: str) -> Prompt:
        """Previous text (hotwords, then the end of the prompt), then the transcript's start."""
        tokenizer = self.tokenizer(language, options.task)
        start: tuple[int, ...] = tokenizer.sot_sequence
        if options.without_timestamps:
            start = tokenizer.sot_sequence_including_notimestamps
        room = self._dimensions.n_text_ctx // 2 - 1
        hotwords = self._encoded(options.hotwords)[:room]
        room -= len(hotwords)
        previous = hotwords + (self._encoded(options.prompt)[-room:] if room else [])
        if not previous:
            return Prompt(start, 0)
        return Prompt((tokenizer.sot_prev, *previous, *start), 1 + len(previous))

    def suppressed(self, options: DecodingOptions) -> frozenset[int]:
        """Tokens that may never be sampled under these options."""
        given = (NON_SPEECH,) if options.suppress_tokens is None else options.suppress_tokens
        return self._suppressed(tuple(given), options.without_timestamps)

    def _find_suppressed(self, given: tuple[int, ...], without_timestamps: bool) -> frozenset[int]:
        tokenizer = self._plain
        tokens = {token for token in given if 0 <= token < self.size}
        if NON_SPEECH in given:
            tokens.update(tokenizer.non_speech_tokens)
        if given:
            tokens.update((tokenizer.transcribe, tokenizer.translate, tokenizer.sot))
            tokens.update((tokenizer.sot_prev, tokenizer.sot_lm, tokenizer.no_speech))
        if not without_timestamps:
            tokens.add(tokenizer.no_timestamps)
        return frozenset(tokens)

    def _encoded(self, text: str | None) -> list[int]:
        if text is None or not text.strip():
            return []
        return list(self._plain.encode(" " + text.strip(), disallowed_special=()))

    def text_of(self, tokens: tuple[int, ...]) -> str:
        """The text of the tokens, timestamps and other signs left out."""
        return cast("str", self._plain.decode([token for token in tokens if token < self.eot]))

    def seconds(self, timestamp_token: int) -> float:
        return round((timestamp_token - self.timestamp_begin) * SECONDS_PER_TIMESTAMP, 2)

"""Our engine, through the same port as the service uses: `Engine.submit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.speed.systems import sound
from benchmarks.speed.types import Done, Runnable, WindowWork
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.model.loaded_model import LoadedModel
from decoding.types import OPENAI_RULES, Clip, DecodingOptions


def options_for(model: LoadedModel, tokens: int) -> DecodingOptions:
    """So many tokens of every window, whatever the model makes of it."""
    return DecodingOptions(
        language="en",
        temperatures=(0.0,),
        suppress_tokens=sound.never_tokens(model.dimensions.n_vocab),
        sample_len=tokens,
        compression_ratio_threshold=None,
        logprob_threshold=None,
        no_speech_threshold=None,
        **OPENAI_RULES,
    )


def open_windows(work: WindowWork) -> Runnable:
    model = load_model(str(Path(work.checkpoint)), device=work.device, precision=work.precision)
    engine = Engine(model, slots=work.batch, threads=work.threads)
    options = replace(
        options_for(model, work.tokens), beam_size=work.beam_size, word_timestamps=False
    )
    clips = [Clip(samples) for samples in sound.windows(work.batch)]

    def run() -> Done:
        futures = [engine.submit(clip, options) for clip in clips]
        tokens = tuple(future.result().tokens for future in futures)
        seconds = sum(clip.seconds for clip in clips)
        return Done(seconds, len(clips), sum(map(len, tokens)), tokens)

    return run

"""openai-whisper's `decode`, one window at a time: it raises for a batch with beams."""

from __future__ import annotations

import torch
import whisper

from benchmarks.speed.systems import sound
from benchmarks.speed.types import Done, Runnable, WindowWork


def open_windows(work: WindowWork) -> Runnable:
    torch.set_num_threads(work.threads)
    model = whisper.load_model(work.checkpoint, device=work.device)
    options = whisper.DecodingOptions(
        language="en",
        beam_size=work.beam_size,
        fp16=work.precision == "fp16",
        sample_len=work.tokens,
        suppress_tokens=list(sound.never_tokens(model.dims.n_vocab)),
    )
    windows = sound.windows(work.batch)

    def run() -> Done:
        tokens = []
        for samples in windows:
            mel = whisper.log_mel_spectrogram(
                sound.as_float(samples), model.dims.n_mels, device=work.device
            )
            result = whisper.decode(model, mel, options)
            tokens.append(tuple(result.tokens))
        return Done(30.0 * len(windows), len(windows), sum(map(len, tokens)), tuple(tokens))

    return run

"""Hugging Face `generate` with beams, batched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.utils import logging

from benchmarks.checkpoint_conversion import hugging_face_folder
from benchmarks.speed.systems import sound
from benchmarks.speed.types import Done, Runnable, WindowWork

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def open_windows(work: WindowWork) -> Runnable:
    logging.set_verbosity_error()
    torch.set_num_threads(work.threads)
    folder = hugging_face_folder(work.checkpoint, Path(work.cache) if work.cache else None)
    dtype = DTYPES[work.precision]
    model: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=dtype)
    model = model.to(work.device).eval()
    n_vocab = model.config.vocab_size
    model.generation_config.suppress_tokens = list(sound.never_tokens(n_vocab))
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    windows = sound.windows(work.batch)
    prompt = sound.start_tokens(n_vocab)
    end = model.config.eos_token_id

    def run() -> Done:
        found = extractor(
            [sound.as_float(samples) for samples in windows],
            sampling_rate=16_000,
            return_tensors="pt",
        )
        with torch.inference_mode():
            sequences = model.generate(
                input_features=found.input_features.to(work.device, dtype),
                language="en",
                task="transcribe",
                return_timestamps=True,
                num_beams=work.beam_size,
                max_new_tokens=work.tokens,
                do_sample=False,
            )
        tokens = tuple(_sampled(row, prompt, end) for row in sequences.tolist())
        return Done(30.0 * len(windows), len(windows), sum(map(len, tokens)), tokens)

    return run


def _sampled(row: list[int], prompt: list[int], end: int) -> tuple[int, ...]:
    """Without the prompt, if it is there, and without padding."""
    if row[: len(prompt)] == prompt:
        row = row[len(prompt) :]
    return tuple(token for token in row if token != end)

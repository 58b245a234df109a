"""CTranslate2's batched `generate`, with the features that faster-whisper computes for it."""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

from benchmarks.checkpoint_conversion import ctranslate2_folder
from benchmarks.speed.systems import sound
from benchmarks.speed.types import Done, Runnable, WindowWork

COMPUTE_TYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "int8": "int8"}


def open_windows(work: WindowWork) -> Runnable:
    cache = Path(work.cache) if work.cache else None
    device, _, index = work.device.partition(":")
    model = ctranslate2.models.Whisper(
        str(ctranslate2_folder(work.checkpoint, cache)),
        device=device,
        device_index=int(index or 0),
        compute_type=COMPUTE_TYPES[work.precision],
        intra_threads=work.threads,
        inter_threads=1,
    )
    n_vocab = 51_866 if model.n_mels == 128 else 51_865
    extractor = FeatureExtractor(feature_size=model.n_mels)
    windows = sound.windows(work.batch)
    prompt = sound.start_tokens(n_vocab)
    never = list(sound.never_tokens(n_vocab))

    def run() -> Done:
        # 3000 frames are 30 s: the extractor appends one more
        mels = [extractor(sound.as_float(samples))[:, :3000] for samples in windows]
        features = ctranslate2.StorageView.from_array(np.stack(mels).astype(np.float32))
        results = model.generate(
            model.encode(features),
            [prompt] * len(windows),
            beam_size=work.beam_size,
            length_penalty=1,
            max_length=2 * work.tokens,  # it allows half of this for the text
            suppress_tokens=never,
            max_initial_timestamp_index=sound.LAST_INITIAL_TIMESTAMP,
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = tuple(tuple(result.sequences_ids[0]) for result in results)
        return Done(30.0 * len(windows), len(windows), sum(map(len, tokens)), tokens)

    return run

"""Decode clips with a batch of their own, without the engine's thread."""

from __future__ import annotations

import torch

from decoding.engine.batch import Batch


def decode(model, jobs, slots, **how):
    """{key: Decoded} of (key, clip, options), admitted as slots become free."""
    batch, results, left = Batch(model, slots, **how), {}, list(jobs)
    with torch.inference_mode():
        while left or len(batch):
            window_requests = [left.pop(0) for _ in range(min(batch.free, len(left)))]
            for outcome in batch.admit(window_requests) + batch.step():
                results[outcome.key] = outcome.result
    return results


def decode_one(model, clip, options):
    return decode(model, [("only", clip, options)], 1)["only"]

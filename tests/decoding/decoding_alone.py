"""Decode clips with a batch of their own, without the engine's thread."""

from __future__ import annotations

import torch

from decoding.engine.batch import Batch
from decoding.engine.window_request import WindowRequest


def requests_of(jobs):
    """{key: request} of (key, clip, options)."""
    return {key: WindowRequest(clip, options) for key, clip, options in jobs}


def keys_of(requests, some):
    """The keys of some of the requests, in their order."""
    keys = {request: key for key, request in requests.items()}
    return [keys[one] for one in some]


def results_of(requests, finished):
    return {key: requests[key].result for key in keys_of(requests, finished)}


def run_out(batch):
    """Step until nobody is in flight. Returns the finished, in their order."""
    finished = []
    while len(batch):
        finished += batch.step()
    return finished


def decode(model, jobs, slots, **how):
    """{key: Decoded} of (key, clip, options), admitted as slots become free."""
    batch, requests, finished = Batch(model, slots, **how), requests_of(jobs), []
    left = list(requests.values())
    with torch.inference_mode():
        while left or len(batch):
            few = [left.pop(0) for _ in range(min(batch.free, len(left)))]
            finished += batch.admit(few) + batch.step()
    return results_of(requests, finished)


def decode_one(model, clip, options):
    return decode(model, [("only", clip, options)], 1)["only"]

"""Clips, and what came of them, as JSON bytes between hosts: data alone, nothing that is run.

Floats survive bit for bit. Samples are not in it, they lie beside it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter

from decoding import errors
from decoding.errors import DecodingError, EngineFailed
from decoding.types import NOTHING_EXPECTED, Clip, Decoded, DecodingOptions, Expected, ModelCard


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a clip, and what of it no order of the queue depends on."""

    options: DecodingOptions
    seed: int
    dtype: Literal["<i2", "<f4"]
    expected: Expected = NOTHING_EXPECTED


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`error` is the name of a class of decoding/errors.py."""

    decoded: Decoded | None = None
    error: str | None = None
    message: str = ""


# Figures of an engine may be NaN; in a tuple, because a dataclass's adapter takes no settings.
_NAN_IS_KEPT = ConfigDict(ser_json_inf_nan="constants")
_OUTCOME: TypeAdapter[tuple[_Outcome]] = TypeAdapter(tuple[_Outcome], config=_NAN_IS_KEPT)
_REQUEST = TypeAdapter(Request)
_CARD = TypeAdapter(ModelCard)
_ERRORS = {
    name: one
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, DecodingError)
}


def encode_request(clip: Clip, options: DecodingOptions) -> str:
    dtype: Literal["<i2", "<f4"] = "<i2" if clip.samples.dtype == np.int16 else "<f4"
    request = Request(options, clip.seed, dtype, clip.expected)
    return _REQUEST.dump_json(request).decode()


def decode_request(stored: str) -> Request:
    """Raises ValueError for what is none."""
    return _REQUEST.validate_json(stored)


def encode_samples(clip: Clip) -> bytes:
    """As `Request.dtype` says."""
    return clip.samples.astype(clip.samples.dtype.newbyteorder("<"), copy=False).tobytes()


def encode_card(card: ModelCard) -> str:
    return _CARD.dump_json(card).decode()


def decode_card(stored: str) -> ModelCard:
    return _CARD.validate_json(stored)


def encode_outcome(outcome: Decoded | Exception) -> bytes:
    """What came of a clip. An error that is none of decoding/errors.py becomes `EngineFailed`."""
    if isinstance(outcome, Decoded):
        told = _Outcome(decoded=outcome)
    elif type(outcome).__name__ in _ERRORS:
        told = _Outcome(error=type(outcome).__name__, message=str(outcome))
    else:
        words = f"{type(outcome).__name__}: {outcome}"
        told = _Outcome(error=EngineFailed.__name__, message=words)
    return zlib.compress(_OUTCOME.dump_json((told,)))


def decode_outcome(stored: bytes) -> Decoded | DecodingError:
    """What is no outcome is `EngineFailed`: whoever reaches the database may have written it."""
    try:
        (told,) = _OUTCOME.validate_json(zlib.decompress(stored))
    except (ValueError, zlib.error):
        return EngineFailed("what a worker wrote cannot be read")
    if told.decoded is not None:
        return told.decoded
    return _ERRORS.get(told.error or "", EngineFailed)(told.message)

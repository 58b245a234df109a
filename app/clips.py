"""Short pieces of a job's sound as WAV. Reads only samples that we decoded ourselves."""

from __future__ import annotations

import io
import math
import warnings

from app.errors import bad_request, not_found
from app.folders import JobFolder
from decoding.types import SAMPLE_RATE
from transcription.types import BYTES_PER_SAMPLE

with warnings.catch_warnings():
    # pydub warns on import: of a module that Python 3.13 drops (we bring its successor) and of a
    # missing ffmpeg, which is not needed for samples.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

MAX_CLIP_SECONDS = 600.0


def cut(folder: JobFolder, start: float, end: float, channel: int | None = None) -> bytes:
    """The sound of a finished job from `start` to `end`, in seconds. Raises `ApiError`."""
    if not (math.isfinite(start) and math.isfinite(end) and 0.0 <= start < end):
        raise bad_request("start and end must be seconds, with 0 <= start < end.", param="start")
    if end - start > MAX_CLIP_SECONDS:
        raise bad_request(f"A clip lasts at most {MAX_CLIP_SECONDS:g} seconds.", param="end")
    wanted = folder.sound(channel) if channel is not None else folder.sound(None)
    if channel is None and not wanted.exists():
        wanted = folder.sound(0)
    first, last = (round(moment * SAMPLE_RATE) * BYTES_PER_SAMPLE for moment in (start, end))
    try:
        with wanted.open("rb") as file:
            file.seek(min(first, wanted.stat().st_size))
            samples = file.read(last - first)
    except FileNotFoundError:
        raise not_found("The sound of this job is not kept.", "sound_gone") from None
    if not samples:
        raise bad_request("The recording ends before start.", param="start")
    segment = AudioSegment(
        data=samples, sample_width=BYTES_PER_SAMPLE, frame_rate=SAMPLE_RATE, channels=1
    )
    wav = io.BytesIO()
    segment.export(wav, format="wav")
    return wav.getvalue()

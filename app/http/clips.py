"""Short pieces of a job's sound as WAV. Reads only samples that we decoded ourselves."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

from app.errors import bad_request, not_found
from app.storage.folders import JobFolder
from decoding.types import SAMPLE_RATE
from transcription.types import BYTES_PER_SAMPLE

with warnings.catch_warnings():
    # pydub warns on import: of a module that Python 3.13 drops (we bring its successor) and of a
    # missing ffmpeg, which is not needed for samples.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

MAX_CLIP_SECONDS = 600.0


def cut(folder: JobFolder, start: float, end: float, channel: int | None = None) -> bytes:
    """The sound of a finished job from `start` to `end`, in seconds. Raises `ApiError`.

    Without `channel` all that is heard: of a job whose channels were split, all of them together.
    """
    if not (math.isfinite(start) and math.isfinite(end) and 0.0 <= start < end):
        raise bad_request("start and end must be seconds, with 0 <= start < end.", param="start")
    if end - start > MAX_CLIP_SECONDS:
        raise bad_request(f"A clip lasts at most {MAX_CLIP_SECONDS:g} seconds.", param="end")
    wanted = [folder.sound(channel)]
    if channel is None and not wanted[0].exists():
        wanted = folder.channels()
    try:
        first, *others = [_segment(sound, start, end) for sound in wanted]
    except (FileNotFoundError, ValueError):
        raise not_found("The sound of this job is not kept.", "sound_gone") from None
    if not len(first):
        raise bad_request("The recording ends before start.", param="start")
    for other in others:
        first = first.overlay(other)
    wav = io.BytesIO()
    first.export(wav, format="wav")
    return wav.getvalue()


def _segment(sound: Path, start: float, end: float) -> AudioSegment:
    """Empty where the sound ends before `start`."""
    first, last = (round(moment * SAMPLE_RATE) * BYTES_PER_SAMPLE for moment in (start, end))
    with sound.open("rb") as file:
        file.seek(min(first, sound.stat().st_size))
        samples = file.read(last - first)
    return AudioSegment(
        data=samples, sample_width=BYTES_PER_SAMPLE, frame_rate=SAMPLE_RATE, channels=1
    )

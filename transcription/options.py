"""Everything a caller can ask of one transcription, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from chunking.options import MergeOptions, SegmentOptions, WindowOptions
from decoding.types import DecodingOptions
from transcription.language_names import Script

Channels = Literal["mix", "split", "tracks"]
TEMPERATURE_STEP = 0.2


def fallback_temperatures(start: float) -> tuple[float, ...]:
    """From `start` (0 to 1) up to 1 in steps of 0.2: openai-whisper's temperature fallback."""
    if not 0.0 <= start <= 1.0:
        raise ValueError(f"temperature must be 0 to 1, got {start:g}")
    steps = int((1.0 - start) / TEMPERATURE_STEP + 1e-6)
    return tuple(round(start + TEMPERATURE_STEP * step, 6) for step in range(steps + 1))


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """Voice activity: `skip_silence` False decodes every window, speech or not.

    `threshold` is Silero's probability at which speech starts; `min_silence` and `pad` in seconds.
    `drop_invented`: hallucinated words, where no detector finds speech, are dropped; None: if
    silence is skipped.
    """

    skip_silence: bool = True
    threshold: float = 0.5
    min_silence: float = 0.5
    pad: float = 0.2
    drop_invented: bool | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold < 1.0:
            raise ValueError(f"vad threshold must be between 0 and 1, got {self.threshold}")
        if self.min_silence < 0.0 or self.pad < 0.0:
            raise ValueError(
                "vad min_silence and pad must be 0 seconds or more, "
                f"got {self.min_silence} and {self.pad}"
            )

    @property
    def drops_invented(self) -> bool:
        return self.skip_silence if self.drop_invented is None else self.drop_invented


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """`channels`: "mix" hears all channels as one, "split" transcribes each by itself, "tracks"
    each audio track. `audio_track` is the one that is heard, from 1; None: the one that is flagged.

    `condition_on_previous_text` gives a window the text before it as prompt; windows of one
    recording then wait for each other (in one chain, if in chains), so it is slow, and an error may
    repeat itself: off. `script`: Chinese is written in this one; as it is heard if None.
    """

    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    windows: WindowOptions = field(default_factory=WindowOptions)
    merge: MergeOptions = field(default_factory=MergeOptions)
    segments: SegmentOptions = field(default_factory=SegmentOptions)
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    channels: Channels = "mix"
    condition_on_previous_text: bool = False
    language_detection_windows: int = 3
    script: Script | None = None
    audio_track: int | None = None

    def __post_init__(self) -> None:
        if self.audio_track is not None and self.audio_track < 1:
            raise ValueError(f"audio_track must be 1 or more, got {self.audio_track}")
        if self.audio_track is not None and self.channels == "tracks":
            raise ValueError("audio_track names one track, and channels=tracks asks for all")

    @property
    def tells_apart(self) -> bool:
        """Whether speakers are told apart, by their channel or track."""
        return self.channels != "mix"

    @property
    def planning(self) -> WindowOptions:
        """`windows`; all in one chain where the text of each is to prompt the next one."""
        if self.condition_on_previous_text:
            return replace(self.windows, chain=None)
        return self.windows

"""Recordings with bytes changed, cut and put in, through the decoding of a stranger's file.

`python -m tests.trust.mutations COUNT` prints figures as JSON: how many were read and refused, the
most memory of one child and the seconds of the slowest. A process of its own, so that the memory of
no other child is counted; it ends with an error where a file met anything but a refusal.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.trust.hostile_files import ENCODINGS, encoded
from transcription.audio import decode_audio
from transcription.errors import AudioTooLong, UnreadableAudio

HEAD_BYTES = 600


def mutated(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    kind = chance.randrange(4)
    if kind == 0:
        for _ in range(chance.choice((1, 5, 30, 200))):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 1:
        del data[chance.randrange(1, len(data)) :]
    elif kind == 2:
        at = chance.randrange(len(data))
        data[at:at] = chance.randbytes(chance.choice((1, 16, 4096)))
    else:  # where lengths and rates stand
        for _ in range(8):
            at = chance.randrange(min(len(data), HEAD_BYTES))
            data[at] = chance.choice((0, 255, 127, 128, chance.randrange(256)))
    return bytes(data)


def main(count: int) -> None:
    chance, outcomes, slowest = random.Random(42), Counter[str](), 0.0
    wholes = [encoded(ending) for ending in ENCODINGS]
    with tempfile.TemporaryDirectory() as folder:
        source, sound = Path(folder) / "upload", Path(folder) / "sound"
        for number in range(count):
            source.write_bytes(mutated(wholes[number % len(wholes)], chance))
            began = time.monotonic()
            try:
                for recording in decode_audio(source, sound):
                    recording.path.unlink()
                outcomes["read"] += 1
            except (UnreadableAudio, AudioTooLong) as error:  # some now claim many hours
                outcomes[error.code] += 1
            slowest = max(slowest, time.monotonic() - began)
            assert not list(sound.iterdir()), "something is left"
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    figures = {"outcomes": outcomes, "child_bytes": most, "slowest": round(slowest, 2)}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))

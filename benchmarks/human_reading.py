"""Ten seconds of a person reading, for the demonstration.

The recording is not in this repository: it is part of a package under the MIT licence, fetched
when it is wanted and compared with its SHA-256. The sentence is Samuel Beckett's.
"""

from __future__ import annotations

from pathlib import Path

from transcription.model_packages import Package, Part
from transcription.package_download import download_package, verified_blocks

PACKAGE = Package("useful-moonshine-onnx==20251121", 729_305)
RECORDING = Part(
    PACKAGE,
    "moonshine_onnx/assets/beckett.wav",
    318_978,
    "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
)
TEXT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


def fetch_reading(folder: Path) -> Path:
    """The recording in `folder`. Raises `transcription.package_download.SourceFailed`."""
    download_package(PACKAGE, folder / "package", lambda _: None)
    sound = folder / "reading.wav"
    sound.write_bytes(b"".join(verified_blocks(RECORDING, folder / "package")))
    return sound

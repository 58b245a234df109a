"""Whisper on a device: clips of at most thirty seconds in, tokens and timed words out.

Knows nothing of recordings, files, requests or the clock of anything longer than a clip.
"""

from decoding.device.spin_wait import spin_briefly

spin_briefly()  # before anything here loads PyTorch

"""Whisper on a device: clips of at most thirty seconds in, tokens and timed words out.

Knows nothing of recordings, files, requests or the clock of anything longer than a clip.
"""

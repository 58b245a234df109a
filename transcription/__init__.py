"""From a file of sound to a transcript: where chunking and decoding meet. Start at pipeline.py."""

"""Whisper itself: mel, encoder, decoder, vocabulary. Read-only after loading."""

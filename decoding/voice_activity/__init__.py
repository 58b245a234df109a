"""Silero's voice activity network on the engine's device."""

"""Compiled loops for the CPU. They know numbers and memory, nothing of speech."""

"""The engine: who is decoded when, in which slot, and what becomes of a window."""

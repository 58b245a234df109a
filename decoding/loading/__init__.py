"""Checkpoints of every kind we read, to a model ready to decode."""

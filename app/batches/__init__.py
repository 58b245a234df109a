"""Batches: many requests in one file, worked off as jobs, their answers in another file."""

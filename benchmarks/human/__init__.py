"""Recordings of people, measured in every way that matters for long speech."""

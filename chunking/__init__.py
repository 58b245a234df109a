"""Time and words: where windows lie, how their words are merged, what nobody transcribed.

Pure functions on frozen values, standard library, `regex` and `rapidfuzz` alone. Never hears of
tensors, files or requests.
"""

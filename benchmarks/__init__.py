"""Measurement: how many words are wrong, where, how surely, and how fast.

Nothing here serves requests, and nothing in the product imports it.
"""

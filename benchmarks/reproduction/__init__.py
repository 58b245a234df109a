"""Published counts computed again from published texts, to show that our scoring is the field's.

The texts are other people's and are not shipped: `python -m benchmarks.reproduce FOLDER`.
"""

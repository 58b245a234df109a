"""Us and every installed peer on the same work in one run: `python -m benchmarks speed`.

Judges speed and memory; error rates are those of benchmarks/scoring.py.
"""

"""Error counts of a recording whose manifest says what is said in it."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.normalizers import default_normalizers
from benchmarks.scoring import score
from bulk.entries import Entry


def scored(entry: Entry, reference: str, text: str) -> Entry:
    """`entry` with its counts; compared by the headline rules of the recording's language."""
    name = default_normalizers(entry.language or "en")[0]
    counts = score(reference, text, name).words
    return replace(
        entry,
        substitutions=counts.substitutions,
        deletions=counts.deletions,
        insertions=counts.insertions,
        reference_words=counts.reference_length,
        normalizer=name,
    )

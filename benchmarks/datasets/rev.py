"""Rev's public sets as revdotcom/speech-datasets has them: Earnings-21, Earnings-22 and Rev16.

The reference is the first column of each .nlp file, as in Whisper's tables; `use_norm` adds the
readings of norm.json, as fstalign does. Earnings-22's force-aligned files give times of words.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

from benchmarks.datasets.types import DatasetMissing, LoadOptions, required
from benchmarks.formats.nlp import (
    NlpToken,
    parse_nlp,
    parse_norm,
    plain_text,
    text_with_choices,
    timed_words,
)
from benchmarks.formats.tables import read_text
from benchmarks.formats.types import TimedWord, reading
from benchmarks.items import AudioPart, Item

WHISPER_REV16: Final = frozenset(
    str(n) for n in (3, 4, 9, 10, 11, 14, 17, 18, 20, 21, 23, 24, 26, 27, 29, 32)
)
"""The sixteen podcasts of Whisper's table."""

TIMED_SHARE: Final = 0.9  # below this the automatic alignment failed and its times are not used


def load_earnings21(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """44 calls; subset "eval10" is the published ten hours."""
    base = _below(root, "earnings21")
    wanted = None
    if options.subset == "eval10":
        (listing,) = required(base, "list of Eval-10", "eval10-file-metadata.csv")
        table = csv.DictReader(io.StringIO(read_text(listing)))
        wanted = {row["file_id"] for row in table}
    elif options.subset:
        raise ValueError(f"Earnings-21 has the subset eval10, not {options.subset!r}")
    transcripts = base / "transcripts"
    return _items(
        transcripts / "nlp_references", transcripts / "normalizations", base, wanted, options
    )


def load_earnings22(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """125 calls; subset "subset10" is the published eleven hours."""
    base = _below(root, "earnings22")
    if options.subset == "subset10":
        verbatim = base / "subset10" / "verbatim_transcripts"
        references = verbatim / "nlp_references"
        wanted = {path.stem for path in required(references, "reference", "*.nlp")}
        return _items(references, verbatim / "normalizations", base, wanted, options)
    if options.subset:
        raise ValueError(f"Earnings-22 has the subset subset10, not {options.subset!r}")
    transcripts = base / "transcripts"
    return _items(
        transcripts / "nlp_references", transcripts / "normalizations", base, None, options
    )


def load_rev16(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Podcasts: the sixteen of Whisper's table, or all with subset "all"."""
    base = _below(root, "rev16")
    if options.subset not in (None, "all"):
        raise ValueError(f"Rev16 has the subset all, not {options.subset!r}")
    verbatim = base / "verbatim_transcripts"
    wanted = None if options.subset == "all" else set(WHISPER_REV16)
    return _items(verbatim / "nlp_references", verbatim / "normalizations", base, wanted, options)


def _below(root: Path, name: str) -> Path:
    """The set's folder, whether `root` is the repository or the set itself."""
    return root / name if (root / name).is_dir() else root


def _items(
    references: Path, norms: Path, base: Path, wanted: set[str] | None, options: LoadOptions
) -> tuple[Item, ...]:
    paths = [
        path
        for path in required(references, "reference", "*.nlp")
        if wanted is None or path.stem in wanted
    ]
    if wanted is not None and len(paths) < len(wanted):
        missing = ", ".join(sorted(wanted - {path.stem for path in paths}))
        raise DatasetMissing(f"references are missing in {references}: {missing}")
    return tuple(_item(path, norms, base, options) for path in paths)


def _item(path: Path, norms: Path, base: Path, options: LoadOptions) -> Item:
    with reading(path):
        tokens = parse_nlp(read_text(path))
    reference, has_choices = plain_text(tokens), False
    if options.use_norm:
        norm = norms / f"{path.stem}.norm.json"
        if not norm.is_file():
            raise DatasetMissing(f"{norm} is missing: --norm needs it")
        reference, has_choices = text_with_choices(tokens, parse_norm(read_text(norm))), True
    audio = required(
        base,
        f"sound of {path.stem}",
        f"media/{path.stem}.mp3",
        f"**/{path.stem}.mp3",
        f"**/{path.stem}.wav",
    )
    return Item(
        name=path.stem,
        parts=(AudioPart(audio[0]),),
        reference=reference,
        has_choices=has_choices,
        words=_aligned_words(base, path.stem, tokens),
    )


def _aligned_words(base: Path, stem: str, tokens: tuple[NlpToken, ...]) -> tuple[TimedWord, ...]:
    """Times of the force-aligned copy, if nine tenths of its words have them."""
    folder = base / "transcripts" / "force_aligned_nlp_references"
    aligned = folder / f"{stem}.aligned.nlp"
    if aligned.is_file():
        with reading(aligned):
            tokens = parse_nlp(read_text(aligned))
    words = timed_words(tokens)
    return words if len(words) >= TIMED_SHARE * len(tokens) else ()

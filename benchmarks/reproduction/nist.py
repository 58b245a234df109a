"""NIST's sclite on its own test: references with alternations, weights 4, 3, 3."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.alignment import SCLITE_COSTS
from benchmarks.formats.stm import parse_trn
from benchmarks.formats.tables import parse_rows, read_text
from benchmarks.reproduction.types import Reproduced
from benchmarks.scoring import Counts, ScoringOptions, pool, score_with

CSRNAB: Final = Counts(hits=1263, substitutions=131, deletions=12, insertions=26)
OPTIONS: Final = ScoringOptions("none", has_choices=True, costs=SCLITE_COSTS)


def written(counts: Counts) -> str:
    """Words and errors as sclite's summary has them."""
    return (
        f"{counts.reference_length:,} words, S {counts.substitutions} D {counts.deletions} "
        f"I {counts.insertions}"
    )


def score_trn(reference: str, hypothesis: str) -> Counts:
    """Two transcript files, folded to lower case, paired by utterance."""
    said, heard = parse_trn(reference.lower()), parse_trn(hypothesis.lower())
    return pool(score_with(text, heard[name], OPTIONS) for name, text in said.items())


def csrnab(folder: Path) -> list[Reproduced]:
    """sclite's test 1: 51 sentences, 1,406 words."""
    found = []
    for path in sorted(folder.rglob("csrnab.ref")):
        counts = score_trn(read_text(path), read_text(path.with_suffix(".hyp")))
        found.append(
            Reproduced("NIST sclite", "csrnab", written(CSRNAB), written(counts), counts == CSRNAB)
        )
    return found


def librispeech(folder: Path) -> list[Reproduced]:
    """Outputs of three systems on test-clean, beside the counts their authors published."""
    found = []
    for reference in sorted(folder.rglob("ref.test-clean.tsv")):
        said = texts_by_name(reference)
        for output in sorted((reference.parent / "hyp").glob("*.tsv")):
            result = reference.parent / "results" / f"{output.name}.result"
            published = parse_result(read_text(result))
            heard = texts_by_name(output)
            counts = pool(
                score_with(text, heard.get(name, ""), OPTIONS) for name, text in said.items()
            )
            found.append(
                Reproduced(
                    "LibriSpeech test-clean",
                    output.stem.removeprefix("test-clean."),
                    written(published),
                    written(counts),
                    abs(counts.errors - published.errors) <= 1,
                    "weights 4, 3, 3 as its authors; at unit weights one system has one error less",
                )
            )
    return found


def texts_by_name(path: Path) -> dict[str, str]:
    """The first two columns of a table: utterance and text."""
    return {row[0]: row[1] if len(row) > 1 else "" for row in parse_rows(read_text(path))}


def parse_result(text: str) -> Counts:
    """The line `WER: error_rate=…, ref_words=…, subs=…, ins=…, dels=…` of a .result file."""
    line = next(line for line in text.splitlines() if line.startswith("WER:"))
    fields = dict(pair.strip().split("=") for pair in line.removeprefix("WER:").split(","))
    wrong = {name: int(fields[name]) for name in ("ref_words", "subs", "ins", "dels")}
    hits = wrong["ref_words"] - wrong["subs"] - wrong["dels"]
    return Counts(hits, wrong["subs"], wrong["dels"], wrong["ins"])

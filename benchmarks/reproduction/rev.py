"""Rev's fstalign: its own test cases, and commercial systems on Earnings-21's Eval-10.

fstalign compares words in lower case, takes readings from norm.json, synonyms from rules, a word
cut off ("she-") as the word, a compound with or without its hyphen, and any `<tag>` as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.alignment import UNIT_COSTS, Costs, Reference
from benchmarks.formats.nlp import parse_nlp, parse_norm, text_with_choices
from benchmarks.formats.stm import parse_ctm
from benchmarks.formats.tables import parse_csv, parse_table, read_text
from benchmarks.markup import SynonymRules, Words, parse_reference
from benchmarks.normalizers import normalizer_named
from benchmarks.reproduction.types import Reproduced
from benchmarks.scoring import Counts, score_words

TAG: Final = "<tag>"
PUBLISHED_EVAL10: Final = {"google": 18.5, "microsoft": 16.2}
TOLERANCE_POINTS: Final = 0.3
BORROWED_RULES: Final = {"syn_10": "syn_9"}
EXPLAINED: Final = {
    "syn_4": "said we will, heard no: of two errors in 2 words and one in 1 (we'll) we count fewer",
    "syn_5": "said we'll, heard will: one error by either reading, in 1 word or in 2",
    "wer": "published for fstalign's faster, approximate algorithm only; its exact one says 5/31",
    "align_6": "published for fstalign's faster, approximate algorithm only; ours finds fewer",
    "align_3": "needs synonyms.rules.txt of fstalign's sample_data: wanna is want to",
}


def lowered(text: str) -> str:
    """Lower case, and every `<…>` the same."""
    return re.sub(r"<[^<>\s]*>", TAG, text.lower())


def derived_rules(words: set[str]) -> dict[Words, tuple[Words, ...]]:
    """Rules for the words at hand: cut-off words and compounds with hyphens, both ways."""
    rules: dict[Words, tuple[Words, ...]] = {}
    for word in sorted(words):
        if word.endswith("-") and len(word) > 1:
            rules[(word,)] = ((word[:-1],),)
        elif "-" in word.strip("-"):
            parts = tuple(part for part in word.split("-") if part)
            rules.setdefault((word,), (parts,))
            rules.setdefault(parts, ((word,),))
    return rules


def score_rev(
    reference: Reference,
    hypothesis: Words,
    synonyms: SynonymRules | None = None,
    costs: Costs = UNIT_COSTS,
) -> Counts:
    """Counts under fstalign's conventions."""
    if synonyms is not None:
        words = {*reference.words, *hypothesis}
        words |= {word for other in reference.alternatives for word in other.words}
        rules = {**derived_rules(words), **synonyms.rules}
        reference = SynonymRules(rules).widen(reference)
    return score_words(reference, hypothesis, normalizer_named("none"), costs).words


def read_reference(path: Path, norm: Path | None = None) -> Reference:
    """An .nlp with readings of `norm`, or plain words."""
    none = normalizer_named("none")
    if path.suffix != ".nlp":
        return Reference(tuple(lowered(read_words(path)).split()))
    tokens = parse_nlp(read_text(path))
    readings = parse_norm(read_text(norm)) if norm is not None and norm.is_file() else {}
    return parse_reference(lowered(text_with_choices(tokens, readings)), none)


def read_words(path: Path) -> str:
    """Words of a .ctm, .nlp or text file."""
    text = read_text(path)
    if path.suffix == ".ctm":
        return " ".join(word.text for words in parse_ctm(text).values() for word in words)
    if path.suffix == ".nlp":
        return " ".join(token.text for token in parse_nlp(text))
    return text


@dataclass(frozen=True, slots=True)
class _Case:
    """A line of fstalign's expectations that gives counts."""

    name: str
    reference: Path
    hypothesis: Path
    has_synonyms: bool
    has_norm: bool
    published: tuple[str, ...]


_RATE = re.compile(r"(?:^|\| )WER: (\d+)/(\d+)")
_SKIPPED: Final = ("case and punctuation", "punctuation(", "disabled", "with cutoffs", "with case")


def fstalign(folder: Path) -> list[Reproduced]:
    """Its test cases that count words; both of its algorithms' published answers are accepted.

    Cases of switched-off options, of case and of punctuation are about something else.
    """
    found: list[Reproduced] = []
    for table in sorted(folder.rglob("expected.tsv")):
        rows = parse_table(read_text(table))
        if rows and "section" in rows[0]:
            found.extend(_reproduce(case, table.parent) for case in _cases(rows, table.parent))
    return found


def _cases(rows: list[dict[str, str]], folder: Path) -> Iterator[_Case]:
    merged: dict[tuple[str, str, str], list[str]] = {}
    calls: dict[tuple[str, str, str], str] = {}
    for row in rows:
        rate = _RATE.search(row["checks"])
        if rate and not any(word in row["section"] for word in _SKIPPED):
            key = (row["section"], row["ref"], row["hyp"])
            answer = f"{rate[1]}/{rate[2]}"
            if answer not in merged.setdefault(key, []):
                merged[key].append(answer)
            calls[key] = row["call"]
    for (name, reference, hypothesis), answers in merged.items():
        paths = folder / reference, folder / hypothesis
        if all(path.is_file() for path in paths):
            call = calls[name, reference, hypothesis]
            yield _Case(name, *paths, "+synonyms" in call, "+norm" in call, tuple(answers))


def _reproduce(case: _Case, folder: Path) -> Reproduced:
    name = case.name.split()[0]
    norm = folder / f"{case.reference.name.partition('.')[0].partition('_ref')[0]}.norm.json"
    reference = read_reference(case.reference, norm if case.has_norm else None)
    heard = tuple(lowered(read_words(case.hypothesis)).split())
    synonyms = _rules(folder, name) if case.has_synonyms else None
    counts = score_rev(reference, heard, synonyms)
    ours = f"{counts.errors}/{counts.reference_length}"
    is_close = ours in case.published
    remark = "" if is_close else EXPLAINED.get(name, "")
    return Reproduced("fstalign", case.name, " or ".join(case.published), ours, is_close, remark)


def _rules(folder: Path, name: str) -> SynonymRules:
    """The rules its test names, else the repository's own list, else a test's list."""
    candidates = (
        folder / f"{BORROWED_RULES.get(name, name)}.synonym.rules.txt",
        *sorted(folder.parent.rglob("synonyms.rules.txt")),
        folder / "syn_7.synonym.rules.txt",
    )
    found = next((path for path in candidates if path.is_file()), None)
    return SynonymRules.parse(read_text(found)) if found else SynonymRules({})


def _eval10_calls(folder: Path) -> set[str] | None:
    """The calls of Eval-10; None where its list is not in the folder, and only they should be."""
    listing = next(iter(sorted(folder.rglob("eval10-file-metadata.csv"))), None)
    if listing is None:
        return None
    return {row["file_id"] for row in parse_csv(read_text(listing))}


def eval10(folder: Path) -> list[Reproduced]:
    """Outputs of two commercial systems with Rev's references and norm.json, in per cent.

    The references of today differ a little from those of the paper, and so may fstalign: figures
    within 0.3 points count as reproduced.
    """
    outputs = sorted(path for path in folder.rglob("output") if (path / "google").is_dir())
    references = {path.stem: path for path in folder.rglob("nlp_references/*.nlp")}
    norms = {
        path.name.partition(".")[0]: path for path in folder.rglob("normalizations/*.norm.json")
    }
    calls = _eval10_calls(folder)
    found = []
    for output in outputs[:1]:
        for system, published in PUBLISHED_EVAL10.items():
            files = [
                path
                for path in sorted((output / system).glob("*.nlp"))
                if calls is None or path.stem in calls
            ]
            missing = [path.stem for path in files if path.stem not in references]
            if missing:
                remark = f"references of {', '.join(missing)} are not in the folder"
                found.append(
                    Reproduced("Earnings-21 Eval-10", system, f"{published}", "–", False, remark)
                )
                continue
            counts = Counts()
            for path in files:
                reference = read_reference(references[path.stem], norms.get(path.stem))
                counts += score_rev(reference, tuple(lowered(read_words(path)).split()))
            rate = 100 * (counts.error_rate or 0.0)
            found.append(
                Reproduced(
                    "Earnings-21 Eval-10",
                    system,
                    f"{published}",
                    f"{rate:.2f} ({counts.reference_length:,} words)",
                    abs(rate - published) <= TOLERANCE_POINTS,
                    "readings of norm.json, no synonym rules",
                )
            )
    return found

"""Word and character error rates of a text against its reference.

Counts are kept and rates derived, so that figures of many recordings are pooled and never
averaged. An empty reference has no rate; what was heard there is still counted as insertions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from benchmarks.alignment import UNIT_COSTS, AlignedPair, Costs, Operation, Reference, align
from benchmarks.markup import SynonymRules, parse_reference, plain_reference
from benchmarks.normalizers import Normalizer, normalizer_named, warning_for


@dataclass(frozen=True, slots=True)
class Counts:
    """Words (or characters) right and wrong. Counts of several texts add up."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @property
    def reference_length(self) -> int:
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis_length(self) -> int:
        return self.hits + self.substitutions + self.insertions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def error_rate(self) -> float | None:
        """Errors per reference word, above 1 where more was added than said; None without words."""
        return self.errors / self.reference_length if self.reference_length else None

    @property
    def insertion_rate(self) -> float | None:
        return self.insertions / self.reference_length if self.reference_length else None

    @property
    def information_preserved(self) -> float | None:
        """Share of hits in the reference times share of hits in the hypothesis (Morris 2004)."""
        if not self.reference_length:
            return None
        if not self.hypothesis_length:
            return 0.0
        return (self.hits / self.reference_length) * (self.hits / self.hypothesis_length)

    @property
    def information_lost(self) -> float | None:
        preserved = self.information_preserved
        return None if preserved is None else 1.0 - preserved


@dataclass(frozen=True, slots=True)
class CharacterCounts:
    """Character errors over reference characters of the normalised text.

    Characters are code points; the blank between two words counts as one, as in jiwer.
    """

    errors: int = 0
    reference_length: int = 0

    def __add__(self, other: CharacterCounts) -> CharacterCounts:
        return CharacterCounts(
            self.errors + other.errors, self.reference_length + other.reference_length
        )

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.reference_length if self.reference_length else None


@dataclass(frozen=True, slots=True)
class Score:
    """One text scored. `warning` says when the normaliser hides errors of this script."""

    words: Counts
    characters: CharacterCounts
    alignment: tuple[AlignedPair, ...]
    normalizer: str
    warning: str | None = None

    @property
    def wer(self) -> float | None:
        """Word error rate; None when the reference has no words."""
        return self.words.error_rate

    @property
    def reference_length(self) -> int:
        return self.words.reference_length

    @property
    def hits(self) -> int:
        return self.words.hits

    @property
    def substitutions(self) -> int:
        return self.words.substitutions

    @property
    def deletions(self) -> int:
        return self.words.deletions

    @property
    def insertions(self) -> int:
        return self.words.insertions

    @property
    def cer(self) -> float | None:
        return self.characters.error_rate


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """`has_choices`: the reference holds `{ a / b }`. `synonyms`: readings that count as right."""

    normalizer: str = "openai-english"
    has_choices: bool = False
    synonyms: SynonymRules | None = None
    costs: Costs = UNIT_COSTS


def score(reference: str, hypothesis: str, normalizer: str = "openai-english") -> Score:
    """Scores `hypothesis` against plain `reference`; see `score_with` for alternatives."""
    return score_with(reference, hypothesis, ScoringOptions(normalizer))


def score_with(reference: str, hypothesis: str, options: ScoringOptions) -> Score:
    """Scores one text as `options` say."""
    normalizer = normalizer_named(options.normalizer)
    read = parse_reference if options.has_choices else plain_reference
    readings = read(reference, normalizer)
    if options.synonyms is not None:
        readings = options.synonyms.widen(readings)
    return score_words(readings, normalizer.words(hypothesis), normalizer, options.costs)


def score_words(
    reference: Reference,
    hypothesis: tuple[str, ...],
    normalizer: Normalizer,
    costs: Costs = UNIT_COSTS,
) -> Score:
    """Scores words that are normalised already."""
    alignment = align(reference, hypothesis, costs)
    spoken = " ".join(pair.reference for pair in alignment if pair.reference is not None)
    heard = " ".join(hypothesis)
    return Score(
        words=count(alignment),
        characters=CharacterCounts(Levenshtein.distance(spoken, heard), len(spoken)),
        alignment=alignment,
        normalizer=normalizer.name,
        warning=warning_for(normalizer, " ".join(reference.words)),
    )


def count(alignment: Iterable[AlignedPair]) -> Counts:
    """Counts the columns of an alignment."""
    tally: dict[Operation, int] = {"hit": 0, "substitution": 0, "deletion": 0, "insertion": 0}
    for pair in alignment:
        tally[pair.operation] += 1
    return Counts(tally["hit"], tally["substitution"], tally["deletion"], tally["insertion"])


def pool(scores: Iterable[Score]) -> Counts:
    """Word counts of many texts together."""
    return sum((s.words for s in scores), Counts())


def pool_characters(scores: Iterable[Score]) -> CharacterCounts:
    """Character counts of many texts together."""
    return sum((s.characters for s in scores), CharacterCounts())

from __future__ import annotations

from benchmarks.human.style import Style, style_of
from tests.benchmarks.human.planted import heard, plant_study, recording

SENTENCE = ["Then", *["so"] * 28, "on."]  # a word a second: one stretch
BARE = [word.lower().strip(".") for word in SENTENCE]
CYRILLIC = ["Потом", *["так"] * 28, "далее."]
HINDI = ["फिर", *["और"] * 28, "आगे।"]


def style(*texts: list[str]) -> Style:
    words = [word for text in texts for word in text]
    said = recording("a", reference=" ".join(words))
    return style_of(plant_study([said], {"ours": [heard(words)]}).ours.of("read"))


def test_stretches_that_fall_out_of_the_style_are_counted() -> None:
    assert style(SENTENCE, SENTENCE) == Style(2, 0, 0, 0)
    assert style(SENTENCE, BARE) == Style(2, 1, 1, 0)
    assert style(CYRILLIC, SENTENCE, SENTENCE, CYRILLIC) == Style(4, 0, 0, 2)


def test_scripts_without_capitals_lack_none() -> None:
    assert style(HINDI) == Style(1, 0, 0, 0)


def test_few_words_have_no_style() -> None:
    assert style(BARE[:19]) == Style()

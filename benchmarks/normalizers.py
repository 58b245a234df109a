"""What counts as the same word: named ways to flatten text before it is compared.

Every figure is reported with the name of the normaliser behind it. The one thing never done here
is choosing between them in silence: a language decides a default, and the report says which.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no types

from benchmarks.text_language import is_not_english

ENGLISH: Final = "openai-english"
DIGITS: Final = "openai-english-digits"
MARKED_SCRIPTS: Final = (
    *("Arabic", "Hebrew", "Syriac", "Thaana", "Devanagari", "Bengali", "Gurmukhi", "Gujarati"),
    *("Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan"),
    *("Myanmar", "Khmer"),
)
"""Scripts that write vowels or tones as combining marks: without them, other words remain."""

LANGUAGES_WITHOUT_SPACES: Final = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

_IN_BRACKETS = regex.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)")
_MARKED_LETTER = regex.compile("[" + "".join(rf"\p{{Script={s}}}" for s in MARKED_SCRIPTS) + "]")
_INVISIBLE = {ord(c): None for c in "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u0640"}


@dataclass(frozen=True, slots=True)
class Normalizer:
    """`text -> text` with words separated by single blanks; `strips_marks`: combining marks go."""

    name: str
    summary: str
    strips_marks: bool
    apply: Callable[[str], str]

    def __call__(self, text: str) -> str:
        return " ".join(self.apply(text).split())

    def words(self, text: str) -> tuple[str, ...]:
        return tuple(self.apply(text).split())


def keep_marks(text: str) -> str:
    """Case, punctuation and symbols away; letters, digits and every combining mark stay.

    NFKC first, then upper Unicode categories S and P become blanks and bracketed remarks go.
    Joiners and other invisible characters and the Arabic stretch mark go too. Apostrophes inside
    a word are dropped without splitting it. Decimal digits of every script become 0 to 9.
    """
    text = unicodedata.normalize("NFKC", _IN_BRACKETS.sub(" ", text))
    text = regex.sub(r"(?<=\p{L}\p{M}*)['’ʼ](?=\p{L})", "", text.translate(_INVISIBLE).casefold())
    return "".join(_plain(character) for character in unicodedata.normalize("NFKC", text))


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "SPZC":
        return " "
    return str(unicodedata.digit(character)) if category == "Nd" else character


def split_letters(text: str) -> str:
    """Every grapheme cluster as a word of its own: Thai vowels stay with their consonant."""
    return " ".join(regex.findall(r"\X", "".join(text.split())))


@cache
def _openai_english() -> Callable[[str], str]:
    from whisper.normalizers import EnglishTextNormalizer  # imports torch: only when asked for

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its spelling table open
        normalizer: Callable[[str], str] = EnglishTextNormalizer()
    return normalizer


_ONE = regex.compile(r"\bone\b")
_REPEATED_DIGIT = regex.compile(r"\b(double|triple) (\d)\b")
_TIMES = {"double": 2, "triple": 3}


def each_digit(text: str) -> str:
    """openai-english, then each digit a word, however grouped: 555, "5 5 5", "triple five".

    openai-english joins spelt digits ("five five" is 55) and leaves written ones apart ("5 5"), so
    that a telephone number heard right counts as one error for each digit.
    """
    plain = _ONE.sub("1", _openai_english()(text))  # it spells a 1 that stands alone
    told = _REPEATED_DIGIT.sub(lambda found: found[2] * _TIMES[found[1]], plain)
    return "".join(f" {letter} " if letter.isdigit() else letter for letter in told)


@cache
def _openai_basic() -> Callable[[str], str]:
    from whisper.normalizers import BasicTextNormalizer  # imports torch: only when asked for

    normalizer: Callable[[str], str] = BasicTextNormalizer()
    return normalizer


NORMALIZERS: Final[dict[str, Normalizer]] = {
    n.name: n
    for n in (
        Normalizer(
            ENGLISH,
            "openai-whisper's EnglishTextNormalizer, behind the published English tables",
            True,
            lambda text: _openai_english()(text),
        ),
        Normalizer(DIGITS, "openai-english, then each digit a word", True, each_digit),
        Normalizer(
            "openai-basic",
            "openai-whisper's BasicTextNormalizer, behind the published multilingual tables",
            True,
            lambda text: _openai_basic()(text),
        ),
        Normalizer(
            "multilingual",
            "case and punctuation removed, every combining mark kept: any script",
            False,
            keep_marks,
        ),
        Normalizer(
            "openai-basic-letters",
            "openai-basic, then each character a word: the paper's figure for zh ja th lo my",
            True,
            lambda text: split_letters(_openai_basic()(text)),
        ),
        Normalizer(
            "multilingual-letters",
            "multilingual, then each grapheme cluster a word: scripts without spaces",
            False,
            lambda text: split_letters(keep_marks(text)),
        ),
        Normalizer("none", "nothing changed; words are what blanks separate", False, str),
    )
}


def normalizer_named(name: str) -> Normalizer:
    """Raises ValueError that lists the names there are."""
    try:
        return NORMALIZERS[name]
    except KeyError:
        known = ", ".join(NORMALIZERS)
        raise ValueError(f"no normaliser is called {name!r}; there are {known}") from None


def normalizers_for(languages: Iterable[str]) -> tuple[str, ...]:
    """Names for recordings in these languages; of several, what hides errors in none of them."""
    found = {default_normalizers(language) for language in languages}
    return found.pop() if len(found) == 1 else ("multilingual", "openai-basic")


def default_normalizers(language: str) -> tuple[str, ...]:
    """Names for a language (ISO 639-1), the headline first, what published tables used after it."""
    if language == "en":
        return (ENGLISH,)
    if language in LANGUAGES_WITHOUT_SPACES:
        return ("multilingual-letters", "openai-basic-letters")
    return ("multilingual", "openai-basic")


def needs_marks(text: str) -> bool:
    """Whether a tenth of the letters or more belong to scripts that spell with combining marks."""
    letters = sum(character.isalpha() for character in text)
    return bool(letters) and len(_MARKED_LETTER.findall(text)) >= 0.1 * letters


def warning_for(normalizer: Normalizer, text: str) -> str | None:
    """One sentence when `normalizer` hides errors in a text of this language, else None."""
    if normalizer.name in (ENGLISH, DIGITS) and is_not_english(text):
        return (
            f"{normalizer.name} is made for English and this text is not: it drops words that "
            'are English hesitations ("um" is a German word) and rewrites others, so its rate '
            "hides errors. Use multilingual."
        )
    if not (normalizer.strips_marks and needs_marks(text)):
        return None
    return (
        f"{normalizer.name} removes vowel signs and other combining marks of this script and "
        "breaks words at them: wrong vowels count as right, so its rate is not a word error rate. "
        "Use multilingual."
    )

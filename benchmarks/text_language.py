"""In which language and script a text is written, as far as scoring needs to know.

Guesses from a language's most frequent words or from its script; says nothing where it cannot
tell. It chooses normalisers and warnings, never what a recogniser is told.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

import regex  # type: ignore[import-untyped]  # ships no types

FEWEST_WORDS: Final = 8
FEWEST_DIFFERENT: Final = 2  # one frequent word said again and again is no language
LEAST_SHARE: Final = 0.1  # of a text's words that are among its language's most frequent
CLEAR_LEAD: Final = 1.25  # so much more than in the next language: neighbours share words

_FREQUENT: Final[dict[str, frozenset[str]]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the of and to that is was for it with as his they this are you have not be from "
        "what we he she my your has had but at will would there their i a in",
        "de": "der die das und ist nicht ein eine zu den dem des mit von auf ich sie es wir auch "
        "sich im aber wenn wie um so nur noch fur uber durch",
        "fr": "le la les des et est un une que pour dans qui pas du sur avec ce nous au il elle "
        "je de en se plus son sa par ou mais tout",
        "es": "el la los las y es que de en un una por con para no se del al como mas pero su lo "
        "le este esta muy sus fue",
        "pt": "o a os as e que de em um uma por com para nao se do da no na dos das mas mais como "
        "ao sua seu foi muito isso",
        "it": "il la che di e un una per non con sono del della le i si come piu gli nel ma anche "
        "questo lo suo alla dei delle",
        "nl": "de het een en van is dat niet op te zijn met voor ik je die aan er maar ook naar "
        "bij uit wat dit heeft nog",
        "da": "og i det at er en den til af pa de med der ikke som jeg har for et om men var fra "
        "han vi kan skal hvor eller",
        "no": "og i det er en den til av pa de med ikke som jeg har for et om men var fra han vi "
        "kan skal hvor eller",
        "sv": "och i det att ar en den till av pa de med inte som jag har for ett om men var fran "
        "han vi kan ska eller under denna",
        "fi": "ja on ei se etta oli han mutta kun niin ovat myos tai sen mina olen hanen nyt kuin "
        "jo sita",
        "ca": "el la que de i en un una per amb no es els les del al com mes pero seva",
        "pl": "i w na z sie nie do to jest ze o jak co tak po ale za od jego przez",
    }.items()
}
_SCRIPT_LANGUAGES: Final = {
    "Hiragana": "ja",
    "Katakana": "ja",
    "Han": "zh",
    "Hangul": "ko",
    "Thai": "th",
    "Lao": "lo",
    "Myanmar": "my",
    "Khmer": "km",
    "Devanagari": "hi",
    "Cyrillic": "ru",
    "Arabic": "ar",
    "Hebrew": "he",
    "Greek": "el",
}
"""A language of each script: good enough to choose rules, which scripts decide."""

_SCRIPTS: Final = ("Latin", *_SCRIPT_LANGUAGES, "Bengali", "Tamil", "Telugu", "Georgian")
_OF_SCRIPT: Final = {script: regex.compile(rf"\p{{Script={script}}}") for script in _SCRIPTS}
KANA: Final = ("Hiragana", "Katakana")


def guess_language(text: str) -> str | None:
    """An ISO 639-1 code, or None where the text is too short or like none that is known."""
    script = _main_script(text)
    if script != "Latin":
        return None if script is None else _SCRIPT_LANGUAGES.get(script)
    ranked = sorted(_shares(text).items(), key=lambda entry: entry[1], reverse=True)
    (best, share), (_, next_share) = ranked[:2]
    is_clear = share >= LEAST_SHARE and share >= CLEAR_LEAD * next_share
    return best if is_clear else None


def is_not_english(text: str) -> bool:
    """Whether the text is clearly in another language, whichever it is."""
    script = _main_script(text)
    if script != "Latin":
        return script is not None
    shares = _shares(text)
    english = shares.pop("en")
    most = max(shares.values())
    return most >= LEAST_SHARE and most >= CLEAR_LEAD * english


def _shares(text: str) -> dict[str, float]:
    """How much of a text in Latin letters each language's frequent words are, by language."""
    words = regex.findall(r"\p{L}+", _folded(text))
    shares: dict[str, float] = {}
    for code, frequent in _FREQUENT.items():
        found = [word for word in words if word in frequent]
        is_much = len(words) >= FEWEST_WORDS and len(set(found)) >= FEWEST_DIFFERENT
        shares[code] = len(found) / len(words) if is_much else 0.0
    return shares


def script_of(text: str) -> str | None:
    """The script of most letters; Chinese says which: "Han, simplified" or "Han, traditional"."""
    script = _main_script(text)
    if script != "Han":
        return script
    simple = sum(_only_in(letter, "gb2312", "big5") for letter in text)
    traditional = sum(_only_in(letter, "big5", "gb2312") for letter in text)
    if simple == traditional:
        return script
    return "Han, simplified" if simple > traditional else "Han, traditional"


def _main_script(text: str) -> str | None:
    counts = Counter({name: len(of.findall(text)) for name, of in _OF_SCRIPT.items()})
    if any(counts[name] for name in KANA):  # Japanese has both; Chinese has no kana
        return "Hiragana"
    script, count = counts.most_common(1)[0]
    return script if count else None


def _only_in(letter: str, one: str, other: str) -> bool:
    """Whether a Chinese letter is among the common ones of one character set and not another."""
    return _has(one, letter) and not _has(other, letter)


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return not letter.isascii()


def _folded(text: str) -> str:
    """Small letters without accents, as the rules that may have gone over the text leave them."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in spread if not unicodedata.combining(character))

"""Sentences as in meetings and lectures, strings of random words, and spoken numbers.

A small context-free grammar. It means nothing; it only gives the model word order to lean on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping

from training import lexicon
from training.split import Purpose, purpose_of

SLOT = re.compile(r"\{(\w+)\}")
SHORTEST_EVALUATED = 4  # words; shorter sentences are so few that every model has met them all
RANDOM_WORDS = (2, 9)  # words in a random string, least and most
FIGURE_SHARE = 0.08  # of the words of a random string
TRIES = 10_000

RULES: Mapping[str, tuple[str, ...]] = {
    "sentence": (
        "{person} {past} {thing}.",
        "{person} {past} {thing} {where}.",
        "{subject} {third} {thing} {where}.",
        "{we} {past} {thing} {adverb}.",
        "{we} {base} {thing} {where}.",
        "{we} {modal} {base} {thing} {where}.",
        "{we} {modal} {base} {thing} and {base} {thing}.",
        "{thing} {be} {degree}{adjective}.",
        "{thing} {be} {degree}{adjective} because {we} {past} {thing}.",
        "there {was} a {adjective} {noun} {where}.",
        "{where}, {we} {past} {thing}.",
        "{question} {do} {we} {base} {thing}?",
        "{do} {we} {base} {thing} {adverb}?",
        "{name} and {name} {past} {thing} {where}.",
        "we have {number} {counted} {where}.",
        "there are {number} {counted} {where}.",
        "{person} {bought} {number} {counted} {where}.",
        "on {day}, {month} {number}, {person} {past} {thing}.",
        "{lead} {base} {thing} {link} {base} {thing}.",
        "if {we} {base} {thing}, {thing} will {base} {thing}.",
        "{greeting}.",
        "{person} {said} that {thing} {past} {thing}.",
        "the {first} question is about {thing}.",
        "the {first} topic of this {event} is {thing}.",
        "this chapter is about {thing} and {thing}.",
        "for example, {person} {past} {thing} {where}.",
    ),
    "person": ("{name}", "{name}", "the {role}", "my {role}", "our {adjective} {role}", "{we}"),
    "subject": ("he", "she", "it", "{name}", "the {role}", "{thing}"),
    "we": ("I", "you", "we", "they", "we"),
    "thing": (
        "the {noun}",
        "the {noun}",
        "{determiner} {noun}",
        "{determiner} {noun}",
        "{article} {adjective} {noun}",
        "{article} {adjective} {noun}",
        "the {noun} of the {noun}",
        "the {noun} and the {noun}",
        "some {adjective} {noun}",
    ),
    "article": ("the", "the", "my", "our", "this", "that", "one", "a"),
    "determiner": lexicon.DETERMINERS,
    "where": (
        "{preposition} {thing}",
        "{preposition} {thing}",
        "{preposition} the {place}",
        "in {city}",
        "on {day}",
        "in {month}",
        "at {hour}",
        "at {hour} in the morning",
        "at {hour} in the evening",
    ),
    "be": ("is", "was", "will be", "must be", "is not", "was not"),
    "was": ("is", "was", "will be"),
    "degree": ("", "", "very ", "too ", "really ", "still "),
    "modal": (
        "will", "can", "should", "must", "could", "would", "might", "did not", "do not",
        "want to", "need to", "have to",
    ),
    "do": ("did", "do", "can", "should", "will", "could", "would"),
    "question": ("why", "how", "when", "where"),
    "lead": ("please", "now", "next", "then", "first", "finally", "so"),
    "link": ("and", "or", "because", "but"),
    "bought": ("found", "bought", "sold", "needed"),
    "said": lexicon.VERBS_OF_SPEECH,
    "first": ("first", "next", "last"),
    "event": ("meeting", "lecture", "lesson", "class"),
    "greeting": (
        "{courtesy}", "{courtesy} {name}", "{courtesy} everyone", "thank you {name}", "thank you",
    ),
    "courtesy": ("hello", "okay", "yes", "no", "well", "welcome", "sorry", "thanks", "please"),
    "noun": lexicon.NOUNS,
    "place": lexicon.PLACES,
    "role": lexicon.ROLES,
    "base": lexicon.VERBS_BASE,
    "third": lexicon.VERBS_THIRD + lexicon.VERBS_PAST,
    "past": lexicon.VERBS_PAST,
    "adjective": lexicon.ADJECTIVES,
    "adverb": lexicon.ADVERBS,
    "preposition": lexicon.PREPOSITIONS,
    "name": lexicon.NAMES,
    "city": lexicon.CITIES,
    "day": lexicon.DAYS,
    "month": lexicon.MONTHS,
    "hour": lexicon.NUMBER_WORDS,
    "number": lexicon.NUMBER_WORDS + lexicon.NUMBER_FIGURES,
    "counted": lexicon.COUNTED,
}  # fmt: skip


def expanded(rule: str, chance: random.Random) -> str:
    """`rule` with every {slot} filled in, recursively."""
    return SLOT.sub(lambda slot: expanded(chance.choice(RULES[slot[1]]), chance), rule)


def template_sentence(chance: random.Random) -> str:
    """One sentence of the grammar, capitalised and punctuated."""
    return _capitalised(expanded("{sentence}", chance))


def random_string(chance: random.Random) -> str:
    """Words without grammar, all different in sound; no two figures side by side."""
    words: list[str] = []
    for _ in range(chance.randint(*RANDOM_WORDS)):
        is_figure = chance.random() < FIGURE_SHARE
        words.append(chance.choice(lexicon.NUMBER_FIGURES if is_figure else lexicon.DISTINCT))
        while len(words) > 1 and _is_number(words[-1]) and _is_number(words[-2]):
            words[-1] = chance.choice(lexicon.DISTINCT)
    return _capitalised(" ".join(words)) + "."


def sentences(
    chance: random.Random, purpose: Purpose, *, random_share: float = 0.0
) -> Iterator[str]:
    """Endless sentences of one side of the split (see `training.split`)."""
    while True:
        yield _sentence(chance, purpose, random_share)


def _sentence(chance: random.Random, purpose: Purpose, random_share: float) -> str:
    """One sentence that belongs to `purpose`."""
    for _ in range(TRIES):
        is_random = chance.random() < random_share
        made = random_string(chance) if is_random else template_sentence(chance)
        is_long_enough = purpose == "training" or len(made.split()) >= SHORTEST_EVALUATED
        if is_long_enough and purpose_of(made) == purpose:
            return made
    raise RuntimeError(f"no sentence for {purpose} in {TRIES} tries")


def _is_number(word: str) -> bool:
    return word in lexicon.NUMBER_WORDS or word in lexicon.NUMBER_FIGURES


def _capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]

from __future__ import annotations

import pytest

from benchmarks.text_language import guess_language, is_not_english, script_of

TEXTS = {
    "en": "it was the best of times and it was the worst of times, as they say in that book",
    "de": "es war die beste und die schlechteste Zeit, wie man in dem Buch auch um neun noch sagt",
    "fr": "c'était le meilleur et le pire des temps, comme il est dit dans ce livre et pour nous",
    "es": "era el mejor de los tiempos y el peor de los tiempos, como se dice en este libro",
    "pt": "foi o melhor dos tempos e não foi o pior dos tempos, como se diz em um livro da casa",
    "nl": "het was de beste van de tijden en ook de slechtste, zoals men dat in het boek zegt",
    "sv": "jag har inte sett att det är så som du säger, och vi kan till och med inte tro på det",
    "fi": "se oli paras ja huonoin aika, mutta niin ovat myös ne jotka olen kun hän on nyt sen",
    "ru": "это было лучшее из времен",
    "hi": "मेरी किताब मेज पर",
    "zh": "那是最好的时代",
    "ja": "それは最高の時代だった",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_is_known_by_its_words_or_its_script(language: str) -> None:
    assert guess_language(TEXTS[language]) == language
    assert is_not_english(TEXTS[language]) is (language != "en")


@pytest.mark.parametrize("text", ["", "12 34", "ten of clubs", "um um um um um um um um um um"])
def test_what_cannot_be_told_is_left_open(text: str) -> None:
    assert guess_language(text) is None
    assert not is_not_english(text)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Buch 1", "Latin"),
        ("книга", "Cyrillic"),
        ("这个时代 OK", "Han, simplified"),
        ("這個時代", "Han, traditional"),
        ("人口", "Han"),
        ("時代だった", "Hiragana"),
        ("カメラ", "Hiragana"),
        ("123", None),
    ],
)
def test_script(text: str, script: str | None) -> None:
    assert script_of(text) == script

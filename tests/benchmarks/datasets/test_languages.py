from __future__ import annotations

import pytest

from benchmarks.datasets.languages import spoken_language
from benchmarks.normalizers import default_normalizers


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *[("hi_in", "hi"), ("hi", "hi"), ("cmn_hans_cn", "zh"), ("zh-TW", "zh"), ("sv-SE", "sv")],
        *[("fil_ph", "tl"), ("nb_no", "no"), ("jv_id", "jw"), ("pa-IN", "pa"), ("yue", "yue")],
    ],
)
def test_codes_of_corpora_become_those_of_whisper(code: str, language: str) -> None:
    assert spoken_language(code) == language


def test_chinese_is_scored_by_letters_whatever_the_corpus_calls_it() -> None:
    assert default_normalizers(spoken_language("cmn_hans_cn"))[0] == "multilingual-letters"

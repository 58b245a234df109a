"""What Whisper calls the language that a corpus names in its own way.

Only codes are translated: whether a model knows the language is for the recogniser to say.
"""

from __future__ import annotations

from typing import Final

_WHISPER_CODES: Final = {
    "cmn": "zh",  # FLEURS: cmn_hans_cn
    "fil": "tl",
    "iw": "he",
    "jv": "jw",
    "nan": "zh",
    "nb": "no",
}


def spoken_language(code: str) -> str:
    """Whisper's code for a locale such as hi_in, zh-CN or sv-SE."""
    language = code.replace("-", "_").partition("_")[0].lower()
    return _WHISPER_CODES.get(language, language)

"""English names of the languages that Whisper knows, as the API gives them.

The table is Whisper's own; it stands here because importing it there imports torch. Settling which
language a recording is in happens in `transcription.language`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

# fmt: off
LANGUAGE_NAMES = {
    "en": "english", "zh": "chinese", "de": "german", "es": "spanish", "ru": "russian",
    "ko": "korean", "fr": "french", "ja": "japanese", "pt": "portuguese", "tr": "turkish",
    "pl": "polish", "ca": "catalan", "nl": "dutch", "ar": "arabic", "sv": "swedish",
    "it": "italian", "id": "indonesian", "hi": "hindi", "fi": "finnish", "vi": "vietnamese",
    "he": "hebrew", "uk": "ukrainian", "el": "greek", "ms": "malay", "cs": "czech",
    "ro": "romanian", "da": "danish", "hu": "hungarian", "ta": "tamil", "no": "norwegian",
    "th": "thai", "ur": "urdu", "hr": "croatian", "bg": "bulgarian", "lt": "lithuanian",
    "la": "latin", "mi": "maori", "ml": "malayalam", "cy": "welsh", "sk": "slovak",
    "te": "telugu", "fa": "persian", "lv": "latvian", "bn": "bengali", "sr": "serbian",
    "az": "azerbaijani", "sl": "slovenian", "kn": "kannada", "et": "estonian", "mk": "macedonian",
    "br": "breton", "eu": "basque", "is": "icelandic", "hy": "armenian", "ne": "nepali",
    "mn": "mongolian", "bs": "bosnian", "kk": "kazakh", "sq": "albanian", "sw": "swahili",
    "gl": "galician", "mr": "marathi", "pa": "punjabi", "si": "sinhala", "km": "khmer",
    "sn": "shona", "yo": "yoruba", "so": "somali", "af": "afrikaans", "oc": "occitan",
    "ka": "georgian", "be": "belarusian", "tg": "tajik", "sd": "sindhi", "gu": "gujarati",
    "am": "amharic", "yi": "yiddish", "lo": "lao", "uz": "uzbek", "fo": "faroese",
    "ht": "haitian creole", "ps": "pashto", "tk": "turkmen", "nn": "nynorsk", "mt": "maltese",
    "sa": "sanskrit", "lb": "luxembourgish", "my": "myanmar", "bo": "tibetan", "tl": "tagalog",
    "mg": "malagasy", "as": "assamese", "tt": "tatar", "haw": "hawaiian", "ln": "lingala",
    "ha": "hausa", "ba": "bashkir", "jw": "javanese", "su": "sundanese", "yue": "cantonese",
}
# Other names and codes of them: openai-whisper's names, and codes of ISO 639 that clients send.
SECOND_NAMES = {
    "burmese": "my", "valencian": "ca", "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb",
    "pushto": "ps", "panjabi": "pa", "moldavian": "ro", "moldovan": "ro", "sinhalese": "si",
    "castilian": "es", "mandarin": "zh", "iw": "he", "in": "id", "ji": "yi", "jv": "jw",
    "nb": "no", "fil": "tl", "cmn": "zh", "mo": "ro",
}
# fmt: on
CHINESE = {"zh", "yue"}
Script = Literal["Hans", "Hant-TW", "Hant-HK"]
_SIMPLIFIED = {"hans", "chs"}
_TRADITIONAL = {"hant", "cht"}
_SCRIPTS_OF_REGIONS: dict[str, Script] = {
    **dict.fromkeys(("cn", "sg", "my"), "Hans"),
    **dict.fromkeys(("hk", "mo"), "Hant-HK"),
    "tw": "Hant-TW",
}
_CODES = {name: code for code, name in LANGUAGE_NAMES.items()} | SECOND_NAMES


def language_code(name: str) -> str:
    """Whisper's code of a language given by its code, its English name or a tag of which the first
    part counts (`en-US`, `pt_BR`), in any case.

    Raises ValueError for one that Whisper does not know.
    """
    whole = name.strip().lower()
    first = whole.replace("_", "-").partition("-")[0]
    for wanted in (whole, first):
        code = _CODES.get(wanted, wanted)
        if code in LANGUAGE_NAMES:
            return code
    raise ValueError(
        f"language must be an ISO 639-1 code that Whisper knows (en) or a name (english), "
        f"got {name[:40]!r}"
    )


def script_of(name: str) -> Script | None:
    """The script that a tag of Chinese chooses: `zh-CN`, `zh_TW`, `zh-Hant-HK`, `cmn-Hans-CN`.

    None for other languages, and for Chinese alone, which is written as it is heard.
    """
    _, *parts = name.strip().lower().replace("_", "-").split("-")
    if not parts or language_code(name) not in CHINESE:
        return None
    regional = next((s for part in parts if (s := _SCRIPTS_OF_REGIONS.get(part))), None)
    if not _SIMPLIFIED.isdisjoint(parts):
        return "Hans"
    if not _TRADITIONAL.isdisjoint(parts):
        return "Hant-HK" if regional == "Hant-HK" else "Hant-TW"
    return regional


def only_script_of(names: Iterable[str]) -> Script | None:
    """The one script that these languages choose; None where they choose none or several."""
    chosen = {script_of(name) for name in names if name.strip()} - {None}
    return chosen.pop() if len(chosen) == 1 else None


def language_name(code: str) -> str:
    """Lower-case English name of an ISO code; a code that is not in the table stays as it is."""
    return LANGUAGE_NAMES.get(code, code)

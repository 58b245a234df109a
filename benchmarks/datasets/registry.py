"""The data sets: what each is, its licence, its official place, and how it is loaded.

Nothing is re-hosted. A set behind a form or an agreement is not downloaded: its card says where
to go and what to put where. Addresses of files are in `sources.py`.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from benchmarks.datasets import sources
from benchmarks.datasets.corpora import (
    load_ami,
    load_common_voice,
    load_fleurs,
    load_gigaspeech,
    load_librispeech,
    load_voxpopuli,
)
from benchmarks.datasets.folder import load_demo, load_folder, load_manifest
from benchmarks.datasets.rev import load_earnings21, load_earnings22, load_rev16
from benchmarks.datasets.talks import load_coraal, load_kincaid46, load_meanwhile, load_tedlium
from benchmarks.datasets.types import DatasetCard, DatasetMissing, LoadOptions
from benchmarks.formats.types import FormatError
from benchmarks.items import Item
from transcription.errors import TranscriptionError

SHIPPED_RECORDINGS: Final = Path(__file__).parent.parent / "recordings"

_JOINING: Final = ("clips", "gap", "trim_silence", "seed")
_FLAGS: Final = {"trim_silence": "trim-silence", "seed": "shuffle", "use_norm": "norm"}

_CARDS: Final = (
    DatasetCard(
        "demo",
        "Shipped demonstration",
        "one synthetic meeting of six minutes with exact words and times",
        "en (synthetic speech)",
        "that of this repository",
        "benchmarks/recordings",
        "NAME.opus beside NAME.json",
        load_demo,
        "it is part of the repository",
    ),
    DatasetCard(
        "tedlium",
        "TED-LIUM 3, whole talks",
        "11 talks, 2.8 h (legacy test split)",
        "en",
        "CC BY-NC-ND 3.0",
        "https://www.openslr.org/51",
        "TEDLIUM_release-3/legacy/test/{sph,stm}",
        load_tedlium,
        sources.TEDLIUM,
        frozenset({"split"}),
    ),
    DatasetCard(
        "earnings21",
        "Earnings-21",
        "44 earnings calls, 39 h; subset eval10",
        "en",
        "CC BY-SA 4.0",
        "https://github.com/revdotcom/speech-datasets",
        "earnings21/{media,transcripts/nlp_references}",
        load_earnings21,
        sources.EARNINGS21,
        frozenset({"subset", "use_norm"}),
    ),
    DatasetCard(
        "earnings21-eval10",
        "Earnings-21, Eval-10",
        "the 11 calls of the published ten hours",
        "en",
        "CC BY-SA 4.0",
        "https://github.com/revdotcom/speech-datasets",
        "earnings21/{media,transcripts/nlp_references,eval10-file-metadata.csv}",
        lambda root, options: load_earnings21(root, replace(options, subset="eval10")),
        sources.EARNINGS21_EVAL10,
        frozenset({"use_norm"}),
    ),
    DatasetCard(
        "earnings22",
        "Earnings-22",
        "125 earnings calls in accented English, 119 h; subset subset10; word times for a part",
        "en",
        "CC BY-SA 4.0",
        "https://github.com/revdotcom/speech-datasets",
        "earnings22/{media,transcripts/nlp_references} (media by git-LFS)",
        load_earnings22,
        sources.EARNINGS22,
        frozenset({"subset", "use_norm"}),
    ),
    DatasetCard(
        "rev16",
        "Rev16",
        "16 podcasts, 16 h",
        "en",
        "CC BY-SA 4.0 (texts); each podcast keeps its own",
        "https://github.com/revdotcom/speech-datasets",
        "rev16/{media,verbatim_transcripts/nlp_references}",
        load_rev16,
        sources.REV16,
        frozenset({"subset", "use_norm"}),
    ),
    DatasetCard(
        "meanwhile",
        "Meanwhile",
        "64 excerpts of a late-night show, 1 h",
        "en",
        "texts MIT; the broadcasts are not licensed for copying",
        "https://github.com/openai/whisper/tree/main/data",
        "meanwhile.json and ID.{wav,m4a,mp3,webm}",
        load_meanwhile,
        sources.MEANWHILE,
    ),
    DatasetCard(
        "kincaid46",
        "Kincaid46",
        "46 recordings of many kinds",
        "en",
        "each recording keeps its own",
        "https://github.com/shashikg/WhisperS2T/releases/tag/v1.0.0",
        "data/KINCAID46/manifest_wav.tsv, or text.csv and audio/00.m4a",
        load_kincaid46,
        sources.KINCAID46,
    ),
    DatasetCard(
        "coraal",
        "CORAAL",
        "interviews in African American English; subset is a component (ATL, DCA, …)",
        "en",
        "CC BY-NC-SA 4.0",
        "https://oraal.uoregon.edu/coraal",
        "XXX_seN_agN_g_NN_N.{wav,txt} anywhere below",
        load_coraal,
        sources.CORAAL,
        frozenset({"subset"}),
    ),
    DatasetCard(
        "librispeech",
        "LibriSpeech, chapters joined",
        "read books: test-clean 5.4 h, test-other 5.3 h",
        "en",
        "CC BY 4.0",
        "https://www.openslr.org/12",
        "LibriSpeech/test-clean/SPEAKER/CHAPTER",
        load_librispeech,
        sources.LIBRISPEECH,
        frozenset({"split", *_JOINING}),
    ),
    DatasetCard(
        "ami",
        "AMI meetings",
        "16 test meetings, 9 h, words with times",
        "en",
        "CC BY 4.0",
        "https://groups.inf.ed.ac.uk/ami",
        "MEETING.Mix-Headset.wav and words/MEETING.X.words.xml anywhere below",
        load_ami,
        sources.AMI,
        frozenset({"subset"}),
    ),
    DatasetCard(
        "common-voice",
        "Common Voice, clips joined",
        "read sentences in over a hundred languages, fifty to a recording",
        "any (--language hi)",
        "CC0",
        "https://datacollective.mozillafoundation.org",
        "cv-corpus-*/LANGUAGE/{test.tsv,clips}",
        load_common_voice,
        "Mozilla asks everyone to download it by themselves: get cv-corpus-*-LANGUAGE.tar.gz at "
        "datacollective.mozillafoundation.org and unpack it into data/benchmarks/common-voice",
        frozenset({"split", "language", *_JOINING}),
    ),
    DatasetCard(
        "fleurs",
        "FLEURS, clips joined",
        "read sentences in 102 languages, fifty to a recording",
        "any (--language hi_in)",
        "CC BY 4.0",
        "https://huggingface.co/datasets/google/fleurs",
        "LOCALE/{test.tsv,audio/test}",
        load_fleurs,
        sources.FLEURS,
        frozenset({"split", "language", *_JOINING}),
    ),
    DatasetCard(
        "gigaspeech",
        "GigaSpeech, whole recordings",
        "podcasts and videos, test 40 h",
        "en",
        "for research after a form",
        "https://github.com/SpeechColab/GigaSpeech",
        "GigaSpeech.json and the audio paths it names",
        load_gigaspeech,
        "it is given out after a form: follow github.com/SpeechColab/GigaSpeech and unpack it "
        "into data/benchmarks/gigaspeech",
        frozenset({"split", "subset"}),
    ),
    DatasetCard(
        "voxpopuli",
        "VoxPopuli, sessions",
        "speeches in the European Parliament",
        "en and 15 others",
        "CC0",
        "https://github.com/facebookresearch/voxpopuli",
        "raw_audios/original/YEAR/*_original.ogg and annotations/asr/asr_en.tsv.gz",
        load_voxpopuli,
        sources.VOXPOPULI,
        frozenset({"split", "language", "gap"}),
    ),
    DatasetCard(
        "folder",
        "Your own folder",
        "audio with a .txt, .srt, .vtt, .stm, .ctm, .nlp, .TextGrid or .json beside each file",
        "any (--language)",
        "yours",
        "--root FOLDER",
        "NAME.mp3 beside NAME.txt",
        load_folder,
        "say where it is with --root FOLDER",
        frozenset({"language", "use_norm"}),
    ),
    DatasetCard(
        "manifest",
        "Your own list",
        "JSON lines or a table: a path and a text, perhaps offset, duration, language and words",
        "any",
        "yours",
        "--root FILE.jsonl",
        'one {"audio": …, "text": …} a line',
        load_manifest,
        "say where it is with --root FILE.jsonl",
        frozenset({"language"}),
    ),
)

DATASETS: Final[dict[str, DatasetCard]] = {card.name: card for card in _CARDS}


def dataset_named(name: str) -> DatasetCard:
    """Raises ValueError that lists the names there are."""
    try:
        return DATASETS[name]
    except KeyError:
        known = ", ".join(DATASETS)
        raise ValueError(f"no data set is called {name!r}; there are {known}") from None


def folder_of(name: str, root: Path | None, data: Path) -> Path:
    """Where a set lies: `root` if given, the repository's recordings, else its own folder."""
    if root is not None:
        return root
    return SHIPPED_RECORDINGS if name == "demo" else data / name


def load(name: str, folder: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Items of a set, each with a name of its own.

    Raises DatasetMissing or FormatError with one sentence that says what to do, and ValueError
    for an option that means nothing to this set.
    """
    card = dataset_named(name)
    _check_options(card, options)
    if not folder.exists():
        raise DatasetMissing(f"{card.title} is not at {folder}. {how_to_get(card)}")
    try:
        items = card.load(folder, options)
    except DatasetMissing as error:
        raise DatasetMissing(f"{error}. {how_to_get(card)}") from error
    except _NOT_WHOLE as error:
        raise DatasetMissing(
            f"{card.title} at {folder} is not whole, or not laid out as expected "
            f"({card.layout}): {type(error).__name__}: {str(error).rstrip('.')}. {how_to_get(card)}"
        ) from error
    if not items:
        raise DatasetMissing(f"{card.title} at {folder} holds no recordings")
    name, count = Counter(item.name for item in items).most_common(1)[0]
    if count > 1:
        raise FormatError(f"{card.title} at {folder}: {count} recordings are called {name!r}")
    return items


_NOT_WHOLE: Final = (
    *(LookupError, EOFError, OSError),  # a table or an archive that ends early
    *(json.JSONDecodeError, ElementTree.ParseError),
    TranscriptionError,  # sound of which only a part has arrived
)


def _check_options(card: DatasetCard, options: LoadOptions) -> None:
    """Raises ValueError for an option that the set would ignore."""
    for option in fields(options):
        value = getattr(options, option.name)
        is_given = value != option.default
        if is_given and option.name not in card.honours and value != card.languages:
            flag = _FLAGS.get(option.name, option.name)
            raise ValueError(f"--{flag} means nothing to {card.title}")


def how_to_get(card: DatasetCard) -> str:
    """One sentence for people."""
    if isinstance(card.fetching, str):
        return f"{card.title}: {card.fetching}."
    return f"Get it with `python -m benchmarks datasets get {card.name}` (from {card.source})."

"""The data sets: what each is, its licence, its official place, and how it is loaded.

Nothing is re-hosted. A set behind a form or an agreement is not downloaded: its card says where
to go and what to put where.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.datasets.corpora import (
    AMI_TEST,
    load_ami,
    load_common_voice,
    load_fleurs,
    load_gigaspeech,
    load_librispeech,
    load_voxpopuli,
)
from benchmarks.datasets.folder import load_demo, load_folder, load_manifest
from benchmarks.datasets.rev import WHISPER_REV16, load_earnings21, load_earnings22, load_rev16
from benchmarks.datasets.talks import load_coraal, load_kincaid46, load_meanwhile, load_tedlium
from benchmarks.datasets.types import (
    DatasetCard,
    DatasetMissing,
    Download,
    Fetching,
    Index,
    LoadOptions,
)
from benchmarks.items import Item

SHIPPED_RECORDINGS: Final = Path(__file__).parent.parent / "recordings"
_REV: Final = "https://raw.githubusercontent.com/revdotcom/speech-datasets/main"
_REV_LFS: Final = "https://media.githubusercontent.com/media/revdotcom/speech-datasets/main"
_HUB: Final = "https://huggingface.co/datasets"
_AMI: Final = "https://groups.inf.ed.ac.uk/ami"


def _earnings21_files(listing: str) -> tuple[Download, ...]:
    names = [row["file_id"] for row in csv.DictReader(io.StringIO(listing))]
    return tuple(
        Download(f"{_REV}/earnings21/{path}", f"earnings21/{path}")
        for name in names
        for path in (
            f"media/{name}.mp3",
            f"transcripts/nlp_references/{name}.nlp",
            f"transcripts/normalizations/{name}.norm.json",
        )
    )


def _earnings22_files(listing: str) -> tuple[Download, ...]:
    names = [row["File ID"] for row in csv.DictReader(io.StringIO(listing))]
    media = [
        Download(f"{_REV_LFS}/earnings22/media/{name}.mp3", f"earnings22/media/{name}.mp3")
        for name in names
    ]
    texts = [
        Download(f"{_REV}/earnings22/{path}", f"earnings22/{path}")
        for name in names
        for path in (
            f"transcripts/nlp_references/{name}.nlp",
            f"transcripts/force_aligned_nlp_references/{name}.aligned.nlp",
        )
    ]
    return (*media, *texts)


def _coraal_files(listing: str) -> tuple[Download, ...]:
    urls = [line.strip() for line in listing.splitlines() if line.strip()]
    return tuple(
        Download(url, f"coraal/{url.rpartition('/')[2]}", unpack="tar" if "tar" in url else None)
        for url in urls
        if url.endswith((".tar.gz", ".txt"))
    )


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
        Fetching(
            (
                Download(
                    f"{_HUB}/LIUM/tedlium/resolve/main/TEDLIUM_release3/legacy/test.tar.gz",
                    "test.tar.gz",
                    unpack="tar",
                ),
            )
        ),
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
        Fetching(
            (
                Download(
                    f"{_REV}/earnings21/eval10-file-metadata.csv",
                    "earnings21/eval10-file-metadata.csv",
                ),
            ),
            (
                Index(
                    Download(
                        f"{_REV}/earnings21/earnings21-file-metadata.csv",
                        "earnings21/earnings21-file-metadata.csv",
                    ),
                    _earnings21_files,
                ),
            ),
        ),
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
        Fetching(
            indices=(
                Index(
                    Download(
                        f"{_REV}/earnings21/eval10-file-metadata.csv",
                        "earnings21/eval10-file-metadata.csv",
                    ),
                    _earnings21_files,
                ),
            )
        ),
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
        Fetching(
            indices=(
                Index(
                    Download(f"{_REV}/earnings22/metadata.csv", "earnings22/metadata.csv"),
                    _earnings22_files,
                ),
            )
        ),
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
        Fetching(
            tuple(
                download
                for n in sorted(WHISPER_REV16, key=int)
                for download in (
                    Download(
                        f"{_HUB}/sanchit-gandhi/rev16_csv/resolve/main/{n}.mp3",
                        f"rev16/media/{n}.mp3",
                    ),
                    Download(
                        f"{_REV}/rev16/verbatim_transcripts/nlp_references/{n}.nlp",
                        f"rev16/verbatim_transcripts/nlp_references/{n}.nlp",
                    ),
                )
            )
        ),
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
        Fetching(
            (
                Download(
                    "https://raw.githubusercontent.com/openai/whisper/main/data/meanwhile.json",
                    "meanwhile.json",
                ),
            ),
            remark="the sound is on YouTube under the ids of meanwhile.json; fetch it yourself",
        ),
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
        Fetching(
            (
                Download(
                    "https://github.com/shashikg/WhisperS2T/releases/download/v1.0.0/data.zip",
                    "data.zip",
                    unpack="zip",
                ),
            )
        ),
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
        Fetching(
            indices=(
                Index(
                    Download(
                        "http://lingtools.uoregon.edu/coraal/coraal_download_list.txt",
                        "coraal_download_list.txt",
                    ),
                    _coraal_files,
                ),
            )
        ),
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
        Fetching(
            (
                Download(
                    "https://www.openslr.org/resources/12/test-clean.tar.gz",
                    "test-clean.tar.gz",
                    "md5:32fa31d27d2e1cad72775fee3f4849a9",
                    "tar",
                ),
                Download(
                    "https://www.openslr.org/resources/12/test-other.tar.gz",
                    "test-other.tar.gz",
                    "md5:fb5a50374b501bb3bac4815ee91d3135",
                    "tar",
                ),
            )
        ),
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
        Fetching(
            (
                Download(
                    f"{_AMI}/AMICorpusAnnotations/ami_public_manual_1.6.2.zip",
                    "ami_public_manual_1.6.2.zip",
                    unpack="zip",
                ),
                *(
                    Download(
                        f"{_AMI}/AMICorpusMirror/amicorpus/{m}/audio/{m}.Mix-Headset.wav",
                        f"{m}/audio/{m}.Mix-Headset.wav",
                    )
                    for m in AMI_TEST
                ),
            )
        ),
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
        "datacollective.mozillafoundation.org and unpack it here",
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
        Fetching(
            tuple(
                download
                for locale in ("hi_in",)
                for download in (
                    Download(
                        f"{_HUB}/google/fleurs/resolve/main/data/{locale}/test.tsv",
                        f"{locale}/test.tsv",
                    ),
                    Download(
                        f"{_HUB}/google/fleurs/resolve/main/data/{locale}/audio/test.tar.gz",
                        f"{locale}/audio/test.tar.gz",
                        unpack="tar",
                    ),
                )
            ),
            remark="that is Hindi; other languages lie beside it under their locale",
        ),
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
        "it is given out after a form: follow github.com/SpeechColab/GigaSpeech and unpack it here",
    ),
    DatasetCard(
        "voxpopuli",
        "VoxPopuli, sessions",
        "speeches in the European Parliament",
        "en and 15 others",
        "CC0",
        "https://github.com/facebookresearch/voxpopuli",
        "raw_audios/en/YEAR/*.ogg and annotations/asr/asr_en.tsv.gz",
        load_voxpopuli,
        Fetching(
            (
                Download(
                    "https://dl.fbaipublicfiles.com/voxpopuli/annotations/asr/asr_en.tsv.gz",
                    "annotations/asr/asr_en.tsv.gz",
                ),
            ),
            remark="the sound comes by year with voxpopuli.download_audios; fetch it yourself",
        ),
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
        "it is your own",
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
        "it is your own",
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
    """Items of a set. Raises DatasetMissing with one sentence that says what to do."""
    card = dataset_named(name)
    if not folder.exists():
        raise DatasetMissing(f"{card.title} is not at {folder}. {how_to_get(card)}")
    try:
        return card.load(folder, options)
    except DatasetMissing as error:
        raise DatasetMissing(f"{error}. {how_to_get(card)}") from error
    except (KeyError, json.JSONDecodeError) as error:
        raise DatasetMissing(
            f"{card.title} at {folder} is not laid out as expected: {error}"
        ) from error


def how_to_get(card: DatasetCard) -> str:
    """One sentence for people."""
    if isinstance(card.fetching, str):
        return f"{card.title}: {card.fetching}."
    return f"Get it with `python -m benchmarks datasets get {card.name}` (from {card.source})."

"""Where each public set is downloaded from: official addresses, and checksums where published.

A listing at the official place (`Index`) is read first where the files are too many to name here.
Nothing is downloaded here.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from benchmarks.datasets.corpora import AMI_TEST
from benchmarks.datasets.rev import WHISPER_REV16
from benchmarks.datasets.types import Download, Fetching, Index

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


TEDLIUM: Final = Fetching(
    (
        Download(
            f"{_HUB}/LIUM/tedlium/resolve/main/TEDLIUM_release3/legacy/test.tar.gz",
            "test.tar.gz",
            unpack="tar",
        ),
    )
)

EARNINGS21: Final = Fetching(
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
)

EARNINGS21_EVAL10: Final = Fetching(
    indices=(
        Index(
            Download(
                f"{_REV}/earnings21/eval10-file-metadata.csv",
                "earnings21/eval10-file-metadata.csv",
            ),
            _earnings21_files,
        ),
    )
)

EARNINGS22: Final = Fetching(
    indices=(
        Index(
            Download(f"{_REV}/earnings22/metadata.csv", "earnings22/metadata.csv"),
            _earnings22_files,
        ),
    )
)

REV16: Final = Fetching(
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
)

MEANWHILE: Final = Fetching(
    (
        Download(
            "https://raw.githubusercontent.com/openai/whisper/main/data/meanwhile.json",
            "meanwhile.json",
        ),
    ),
    remark="the sound is on YouTube under the ids of meanwhile.json; fetch it yourself",
)

KINCAID46: Final = Fetching(
    (
        Download(
            "https://github.com/shashikg/WhisperS2T/releases/download/v1.0.0/data.zip",
            "data.zip",
            unpack="zip",
        ),
    )
)

CORAAL: Final = Fetching(
    indices=(
        Index(
            Download(
                "http://lingtools.uoregon.edu/coraal/coraal_download_list.txt",
                "coraal_download_list.txt",
            ),
            _coraal_files,
        ),
    )
)

LIBRISPEECH: Final = Fetching(
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
)

AMI: Final = Fetching(
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
)

FLEURS: Final = Fetching(
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
)

VOXPOPULI: Final = Fetching(
    (
        Download(
            "https://dl.fbaipublicfiles.com/voxpopuli/annotations/asr/asr_en.tsv.gz",
            "annotations/asr/asr_en.tsv.gz",
        ),
    ),
    remark="the sound comes by year with voxpopuli.download_audios; fetch it yourself",
)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.datasets.talks import (
    clock_seconds,
    load_coraal,
    load_kincaid46,
    load_meanwhile,
    load_tedlium,
)
from benchmarks.datasets.types import DatasetMissing, LoadOptions
from benchmarks.formats.types import FormatError
from benchmarks.items import AudioPart

STM = """\
Talk 1 Talk 0.00 15.86 <o,,unknown> ignore_time_segment_in_scoring
Talk 1 Talk 15.86 17.86 <o,f0,male> so i 'd say <unk>
Talk 1 Talk 17.86 20.0 <o,f0,male> ignore_time_segment_in_scoring
Talk 1 Talk 20.00 21.00 <o,f0,male> thank you
"""


@pytest.mark.parametrize(
    ("stm", "sph"),
    [
        (
            "TEDLIUM_release-3/legacy/test/stm/Talk.stm",
            "TEDLIUM_release-3/legacy/test/sph/Talk.sph",
        ),
        ("test/Talk.stm", "test/Talk.sph"),
    ],
)
def test_tedlium(tmp_path: Path, stm: str, sph: str) -> None:
    for name in (stm, sph):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STM)
    (talk,) = load_tedlium(tmp_path, LoadOptions())
    assert talk.reference == "so i'd say thank you"
    assert talk.parts == (AudioPart(tmp_path / sph, 15.86, 21.0),)
    assert talk.words[0].start == 0.0
    assert talk.words[3].start == pytest.approx(20.0 - 15.86)


def test_tedlium_without_sound(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test/Talk.stm").write_text(STM)
    with pytest.raises(DatasetMissing, match="sound of Talk"):
        load_tedlium(tmp_path, LoadOptions())


def test_tedlium_without_scored_segment(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test/Talk.stm").write_text(STM.splitlines()[0])
    with pytest.raises(FormatError, match="no segment"):
        load_tedlium(tmp_path, LoadOptions())


def test_meanwhile(tmp_path: Path, make_sound) -> None:
    described = {
        "cut": {"begin": "0:01.0", "end": "0:02.0", "text": "ONE\nTWO"},
        "long": {"begin": "0:01.0", "end": "0:02.0", "text": "THREE"},
    }
    (tmp_path / "meanwhile.json").write_text(json.dumps(described))
    make_sound(tmp_path / "cut.wav", 1.0)
    make_sound(tmp_path / "audio" / "long.wav", 4.0)
    first, second = load_meanwhile(tmp_path, LoadOptions())
    assert first.reference == "ONE TWO"
    assert first.is_one_file
    assert second.parts == (AudioPart(tmp_path / "audio" / "long.wav", 1.0, 2.0),)
    (tmp_path / "cut.wav").unlink()
    with pytest.raises(DatasetMissing, match="YouTube"):
        load_meanwhile(tmp_path, LoadOptions())


def test_clock() -> None:
    assert clock_seconds("1:04.5") == 64.5
    assert clock_seconds("1:00:00.0") == 3600.0


def test_kincaid46_manifest(tmp_path: Path, make_sound) -> None:
    folder = tmp_path / "data" / "KINCAID46"
    make_sound(folder / "wav" / "a.wav")
    (folder / "manifest_wav.tsv").write_text("audio_path\traw_text\nwav/a.wav\tHello  there\n")
    (item,) = load_kincaid46(tmp_path, LoadOptions())
    assert (item.name, item.reference) == ("a", "Hello there")
    (folder / "wav" / "a.wav").unlink()
    with pytest.raises(DatasetMissing, match=r"wav/a\.wav"):
        load_kincaid46(tmp_path, LoadOptions())


def test_kincaid46_table(tmp_path: Path, make_sound) -> None:
    (tmp_path / "text.csv").write_text('a,b,c,d,text\n1,2,3,4,"Hello, you"\n')
    make_sound(tmp_path / "audio" / "00.wav")
    (item,) = load_kincaid46(tmp_path, LoadOptions())
    assert (item.name, item.reference) == ("00", "Hello, you")


def test_coraal(tmp_path: Path, make_sound) -> None:
    rows = [
        "Line\tSpkr\tStTime\tContent\tEnTime",
        "1\tDCB_int\t0.5\tI aks [you] /unintelligible/ <laugh>\t2.5",
        "2\tDCB_int\t2.5\t(pause 1.0)\t3.5",
        "3\tDCB_se1\t3.5\tThe busses /RD-NAME-2/\t4.5",
    ]
    folder = tmp_path / "DCB"
    make_sound(folder / "DCB_se1_ag1_f_01_1.wav")
    (folder / "DCB_se1_ag1_f_01_1.txt").write_text("\n".join(rows))
    (item,) = load_coraal(tmp_path, LoadOptions(subset="DCB"))
    assert item.reference == "I ask you The buses"
    assert item.words[3].start == 3.5
    with pytest.raises(DatasetMissing):
        load_coraal(tmp_path, LoadOptions(subset="ATL"))
    (folder / "DCB_se1_ag1_f_01_1.txt").write_text("Line\tContent\n1\thello\n")
    with pytest.raises(FormatError, match="StTime"):
        load_coraal(tmp_path, LoadOptions())

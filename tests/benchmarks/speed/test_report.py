from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.speed.plot import draw
from benchmarks.speed.report import COLUMNS, Report, Table, cells, markdown
from benchmarks.speed.types import Row, Spread

SETTINGS = {"system": "ours", "batch": 8, "threads": 2}
QUICK = Row(
    "ours int8",
    SETTINGS,
    wall=Spread.of([0.5, 0.4, 0.9]),
    cpu=Spread.of([1.0, 0.75, 1.5]),
    audio_seconds=240.0,
    windows=8,
    tokens=512,
    peak_memory=700_000_000,
)
FAILED = Row("transformers fp32", {"batch": 1, "threads": 2}, problem="ImportError: none | here")


@pytest.fixture
def report() -> Report:
    table = Table("tiny size <b>", [QUICK, FAILED])
    return Report(
        "2025-01-02", "python -m benchmarks speed", {"cores": "2"}, {"torch": "2"}, [table]
    )


def test_figures_of_a_row() -> None:
    assert QUICK.rtfx == 30.0 / 0.5
    assert QUICK.rtfx_cpu == 30.0
    assert QUICK.tokens_per_second == 64 / 0.5
    assert FAILED.rtfx is FAILED.rtfx_cpu is FAILED.tokens_per_second is None


def test_spread_of_rounds() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_table_and_json_have_the_same_figures(report: Report) -> None:
    row = json.loads(json.dumps(report.to_json()))["tables"][0]["rows"][0]
    shown = dict(zip(COLUMNS, cells(QUICK), strict=True))
    assert row["cpu_seconds_per_window"] == {"median": 1.0, "min": 0.75, "max": 1.5}
    assert shown["CPU s/window (min-max)"] == "1.000 (0.750-1.500)"
    assert shown["RTFx"] == f"{row['rtfx']:.1f}" == "60.0"
    assert shown["tokens/s"] == f"{row['tokens_per_second']:.1f}"


def test_failure_is_a_row_that_says_why(report: Report) -> None:
    assert len(cells(FAILED)) == len(COLUMNS)
    assert "| transformers fp32 | 1 | 2 | ImportError: none / here |" in markdown(report)
    assert report.to_json()["tables"][0]["rows"][1]["problem"] == "ImportError: none | here"


def test_device_memory_is_told_beside_the_hosts() -> None:
    row = Row("ours fp16", {}, QUICK.wall, QUICK.cpu, 30.0, 1, 64, 10**9, 2 * 10**9)
    assert cells(row)[-1] == "1000 + 2000 on the device"


@pytest.mark.parametrize("is_wall", [True, False])
def test_picture_has_a_bar_for_each_row_with_figures(report: Report, is_wall: bool) -> None:
    picture = ElementTree.fromstring(draw(report, is_wall=is_wall))
    space = "{http://www.w3.org/2000/svg}"
    ground, bar = picture.findall(f"{space}rect")
    assert ground.get("fill") == "white"
    assert float(bar.get("width", "0")) > 100
    words = [text.text for text in picture.findall(f"{space}text")]
    assert {"tiny size <b>", "ours int8, batch 8"} <= set(words)
    assert ("0.500" if is_wall else "1.000") in words

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.charts import Bar, Line, Point, alone, bars, ceiling, lines, ticks

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>&\"'"


def texts(chart: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(chart).iter(f"{SVG}text")]


def test_round_ceilings() -> None:
    assert [ceiling(v) for v in (0.0, 0.013, 0.2, 0.21, 1.7, 60.0)] == [1, 0.02, 0.2, 0.5, 2, 100]


def test_ticks_are_round_numbers() -> None:
    assert ticks(6.5) == [0, 2, 4, 6]
    assert ticks(10.0) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.3)[-1] == pytest.approx(0.3)
    assert len(ticks(44.0)) == 5


def test_bars_are_in_proportion() -> None:
    text = str(bars({"": [Bar("a", 0.1, "10 %", 0.08, 0.2), Bar("b", 0.2, "20 %")]}, "t"))
    first, second = (float(w) for w in re.findall(r'<rect[^>]* width="([\d.]+)"', text))
    assert second == pytest.approx(2 * first, rel=1e-3)
    assert text.count("<path") == 1, "a whisker where there is an interval"


def test_each_group_has_its_name_and_its_scale() -> None:
    groups = {"quick": [Bar("a", 1.0, "1 s")], "none": [], "slow": [Bar("b", 100.0, "100 s")]}
    chart = str(bars(groups, "t", "seconds"))
    widths = re.findall(r'<rect[^>]* width="([\d.]+)"', chart)
    assert len(widths) == 2
    assert widths[0] == widths[1]
    assert texts(chart) == ["quick", "a", "1 s", "slow", "b", "100 s", "seconds"]


def test_lines_start_at_the_axes() -> None:
    points = (Point(0.0, 0.0), Point(10.0, 0.5, "half"))
    text = str(lines([Line("a", points)], "t", "x", "y"))
    assert 'd="M60.0 204.0L700.0 26.0"' in text
    assert text.count("<circle") == 1, "a point that has a note"
    assert "<title>a: half</title>" in text
    assert {"x", "y", "a", "0 %", "50 %", "10"} <= set(texts(text))


def test_whatever_a_name_holds_is_text() -> None:
    drawn = bars({HOSTILE: [Bar(HOSTILE, 1.0, HOSTILE)]}, HOSTILE, HOSTILE)
    assert texts(drawn) == [HOSTILE] * 4
    chart = lines([Line(HOSTILE, [Point(1.0, 1.0, HOSTILE)])], HOSTILE, HOSTILE, HOSTILE)
    assert texts(chart).count(HOSTILE) == 3
    root = ElementTree.fromstring(chart)
    assert root.get("aria-label") == HOSTILE
    assert [title.text for title in root.iter(f"{SVG}title")] == [HOSTILE, f"{HOSTILE}: {HOSTILE}"]


def test_where_nothing_is_known_nothing_is_drawn() -> None:
    assert bars({}, "t") == bars({"group": []}, "t") == ""
    assert lines([], "t", "x", "y") == lines([Line("a", [])], "t", "x", "y") == ""
    with pytest.raises(ValueError, match="nothing to draw"):
        alone(bars({}, "t"))


def test_a_page_gives_its_colours_and_a_file_has_its_own_ground() -> None:
    chart = bars({"": [Bar("a", 1.0, "1", 0.5, 2.0)]}, "t")
    assert "white" not in chart
    assert chart.count("currentColor") == len(texts(chart)) + 1
    first = next(ElementTree.fromstring(alone(chart)).iter(f"{SVG}rect"))
    assert (first.get("width"), first.get("fill")) == ("100%", "white")

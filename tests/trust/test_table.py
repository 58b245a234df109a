"""The table tells what failed, what was left out, and which row nobody proves."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trust.goals import GOALS
from tests.trust.table import (
    FIGURE,
    RESULTS,
    ROW,
    Result,
    Row,
    Table,
    add,
    pytest_sessionfinish,
    write,
)

PAGE = (Path(__file__).parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")


def report(outcome: str, when: str = "call", *figures: str) -> Any:
    return SimpleNamespace(
        when=when,
        duration=1.0,
        skipped=outcome == "skipped",
        failed=outcome == "failed",
        longrepr=("file", 1, "Skipped: no Chromium"),
        user_properties=[(FIGURE, figure) for figure in figures],
    )


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["passed", "passed"], "yes"),
        (["passed", "failed"], "NO"),
        (["failed"], "NO"),
        (["passed", "skipped"], "in part"),
        (["skipped"], "not run"),
        ([], "not run"),
    ],
)
def test_verdict_of_a_row(outcomes: list[str], verdict: str):
    result = Result()
    for outcome in outcomes:
        add(result, report(outcome))
    assert result.verdict == verdict
    assert ("no Chromium" in result.figure) == ("skipped" in outcomes)


def test_a_failing_fixture_fails_the_row():
    result = Result()
    add(result, report("failed", "setup"))
    assert result.verdict == "NO"


def test_figures_of_a_failing_test_are_told():
    result = Result()
    add(result, report("failed", "call", "300 MB"))
    assert result.figure == "300 MB"


def test_rows_travel_with_the_reports_of_their_tests():
    """However many processes run tests: who is told the report knows the row."""
    results = defaultdict(Result)
    came = report("passed", "call", "20 kills")
    came.user_properties += [(ROW, "F1"), (ROW, "F2"), (ROW, "F1")]
    Table(results).pytest_runtest_logreport(came)
    assert {name: (row.passed, row.figures) for name, row in results.items()} == {
        "F1": (1, ["20 kills"]),
        "F2": (1, ["20 kills"]),
    }


def test_the_table_has_every_row(tmp_path: Path):
    results = defaultdict(Result)
    add(results["F1"], report("passed", "call", "20 kills"))
    write(tmp_path, results, 0.0)
    rows = json.loads((tmp_path / "trust.json").read_text())["rows"]
    assert [row["row"] for row in rows] == list(GOALS)
    assert {row["row"]: row["pass"] for row in rows}["F1"] == "yes"
    lines = (tmp_path / "trust.md").read_text().splitlines()
    assert len(lines) == len(GOALS) + 2
    assert any("20 kills" in line for line in lines)


@pytest.mark.parametrize(("rows", "status"), [(list(GOALS), 0), (list(GOALS)[1:], 1)])
def test_a_row_without_tests_fails_the_run(rows: list[str], status: int):
    config = SimpleNamespace(
        stash={RESULTS: dict.fromkeys(rows, Result())}, getoption=lambda _name: Path("there")
    )
    session: Any = SimpleNamespace(config=config, exitstatus=0)
    pytest_sessionfinish(session, 0)
    assert session.exitstatus == status


def test_amounts_and_times_by_day_and_by_night():
    def row(night: float) -> Row:
        request: Any = SimpleNamespace(
            node=None, config=SimpleNamespace(getoption=lambda _name: night)
        )
        return Row(request)

    assert [row(night).amount(20, 200) for night in (0.0, 0.05, 0.5, 1.0)] == [20, 20, 100, 200]
    assert row(0.0).within(2.0, 1.0)
    assert not row(0.0).within(21.0, 1.0)
    assert not row(1.0).within(1.1, 1.0)


def test_the_page_shows_every_row_with_its_goal():
    shown = dict(re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| ", PAGE, re.MULTILINE))
    assert shown == GOALS

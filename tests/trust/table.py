"""The table of trust: what every row of `tests/trust/goals.py` came to, as tests tell it.

Hooks of pytest. Whenever a test with a row's mark ran, the table is printed at the end; it is
written beside other artifacts too when the whole of it is asked for (`--table`), and then a row
without tests fails the run. `--night SHARE` takes so much of the nightly amounts.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.trust.goals import GOALS

FIGURE, ROW = "figure", "row"
LENIENCE = 20.0  # of times where the machine may be busy: a stop shows, a neighbour does not
RESULTS = pytest.StashKey[dict[str, "Result"]]()


@dataclass
class Result:
    """What the tests of one row came to."""

    figures: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    left_out: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        if self.failed:
            return "NO"
        if self.passed:
            return "yes" if not self.left_out else "in part"
        return "not run"

    @property
    def figure(self) -> str:
        checks = f"{self.passed} of {self.passed + self.failed} checks"
        told = self.figures or [checks]
        return "; ".join([*told, *dict.fromkeys(self.left_out)])


class Row:
    """What a test says of its row. `amount` of work by night or by day; figures; times."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node
        self._night: float = request.config.getoption("--night")

    def amount(self, day: int, night: int) -> int:
        return max(day, round(night * self._night)) if self._night else day

    def tell(self, figure: str) -> None:
        self._node.user_properties.append((FIGURE, figure))

    def within(self, seconds: float, goal: float) -> bool:
        """Whether a time meets its goal; by day only whether it is not beyond all measure."""
        return seconds <= (goal if self._night >= 1 else goal * LENIENCE)


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Row:
    assert request.node.get_closest_marker("row"), "the test proves no row"
    return Row(request)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", type=Path, help="folder for trust.md and trust.json")
    parser.addoption(
        "--night", type=float, default=0.0, help="share of the nightly amounts, 0 to 1"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(name): proves a row of docs/trust.md")
    config.stash[RESULTS] = defaultdict(Result)
    config.pluginmanager.register(Table(config.stash[RESULTS]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nightly amounts take as long as they take."""
    if config.getoption("--night"):
        for item in items:
            if item.get_closest_marker("row"):
                item.add_marker(pytest.mark.timeout(0), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where the test runs: its rows travel with its report."""
    report: pytest.TestReport = yield
    for mark in item.iter_markers("row"):
        for name in mark.args:
            assert name in GOALS, f"there is no row {name}"
            report.user_properties.append((ROW, name))
    return report


class Table:
    """Where reports arrive: in the process that was started, however many run tests for it."""

    def __init__(self, results: dict[str, Result]) -> None:
        self._results = results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name in {value for key, value in report.user_properties if key == ROW}:
            add(self._results[name], report)


def add(result: Result, report: pytest.TestReport) -> None:
    result.seconds += report.duration
    if report.skipped:
        result.left_out.append(f"left out: {report.longrepr[2].removeprefix('Skipped: ')}")
    elif report.failed:
        result.failed += 1
    elif report.when == "call":
        result.passed += 1
    if report.when == "call":
        result.figures += [value for name, value in report.user_properties if name == FIGURE]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    results = config.stash[RESULTS]
    if not results:
        return
    terminalreporter.section("trust")
    for name in sorted(results, key=list(GOALS).index):
        result = results[name]
        terminalreporter.line(f"{name:4} {result.verdict:8} {GOALS[name]}")
        terminalreporter.line(f"{'':13} {result.figure} ({result.seconds:.0f} s)")
    folder: Path | None = config.getoption("--table")
    if folder is not None:
        write(folder, results, config.getoption("--night"))


def write(folder: Path, results: dict[str, Result], night: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "row": name,
            "goal": goal,
            "figure": results[name].figure,
            "pass": results[name].verdict,
            "seconds": round(results[name].seconds, 1),
        }
        for name, goal in GOALS.items()
    ]
    document = {"date": time.strftime("%Y-%m-%d"), "night": night, "rows": rows}
    (folder / "trust.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    lines = ["| Row | Goal | Figure | Pass | Seconds |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    (folder / "trust.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs tests for another (pytest-xdist)."""
    return hasattr(config, "workerinput")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A row that no test proves fails the run that asks for the table."""
    results = session.config.stash[RESULTS]
    is_asked = session.config.getoption("--table") is not None and not is_worker(session.config)
    if is_asked and exitstatus == 0 and results.keys() != GOALS.keys():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.cli import output
from benchmarks.cli.application import application
from benchmarks.human.tables import Table
from benchmarks.speed.processor import beside, instructions, lengths, report, whole
from benchmarks.speed.processor.cells import spread_cell
from benchmarks.speed.processor.plan import PARTS, Amount, Part, System

WIDE = spread_cell([9999.4, 8888.2, 7777.1])
TABLE = Table("one\nbeside others", ("System", "CPU s"), (("ours\nint8", "2.0\n1.0-3.0"),), "Note.")
WIDEST = {
    "whole": (whole.COLUMNS, (WIDE, WIDE, "99.9x\n99.9-99.9", "100.00 %", "999/999/999")),
    "beside": (beside.COLUMNS, (WIDE, "99.9x\n99.9-99.9", WIDE, "99.99 %")),
    "lengths": (lengths.COLUMNS, ("9999", WIDE, "0.999x\n0.999-0.999", WIDE, "99999", "100.00 %")),
    "instructions": (instructions.COLUMNS, ("8", "16", "int8", WIDE, WIDE, "0.999x\n0.999-0.999")),
}
HEADS = {
    "whole": (System("faster-whisper-batched", "int8", 1).cell,),
    "beside": ("quota of 1\n64 threads", System("faster-whisper-batched", "int8", 1).cell),
    "lengths": ("180.0",),
    "instructions": ("AVX512_CORE_VNNI",),
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Amount]]:
    """What is asked of each part; nothing is measured."""
    asked: list[tuple[str, Amount]] = []

    def measure(name: str, amount: Amount) -> Part:
        asked.append((name, amount))
        return Part((TABLE,), ({"part": name},))

    for name in PARTS:
        monkeypatch.setitem(
            report.MEASURES,  # type: ignore[arg-type]  # a dict all the same
            name,
            lambda amount, name=name: measure(name, amount),
        )
    return asked


def invoke(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(application, ["speed", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def test_one_command_tells_all_and_writes_it_down(tmp_path: Path, planted) -> None:
    told = invoke(
        *("--processor", "all", "-m", "tiny.en", "--sound", tmp_path, "--minutes", 2),
        *("--lengths", "10,60", "--threads", "1,2", "--rounds", 4, "--systems", "ours"),
        *("--out", tmp_path / "run", "--markdown", tmp_path / "n.md", "--json", tmp_path / "j"),
    )
    assert [name for name, _ in planted] == list(PARTS)
    amount = planted[0][1]
    assert (amount.folder, amount.model, amount.sound) == (tmp_path / "run", "tiny.en", (tmp_path,))
    assert (amount.minutes, amount.lengths, amount.threads) == (2.0, (10, 60), (1, 2))
    assert (amount.rounds, amount.systems, amount.batches) == (4, ("ours",), (1, 8))
    assert told.count("beside others") == len(PARTS)
    note = (tmp_path / "n.md").read_text()
    assert note.count("## one, beside others") == len(PARTS)
    assert "- load: " in note
    assert "| ours<br>int8 | 2.0<br>1.0-3.0 |" in note
    assert json.loads((tmp_path / "j").read_text())["parts"]["whole"]["figures"] == [
        {"part": "whole"}
    ]


def test_a_part_that_is_cut_off_costs_no_others_table(tmp_path: Path, planted, monkeypatch) -> None:
    def cut_off(amount: Amount) -> Part:
        raise KeyboardInterrupt

    monkeypatch.setitem(report.MEASURES, "beside", cut_off)
    result = CliRunner().invoke(
        application,
        ["speed", "--processor", "whole,beside", "--markdown", str(tmp_path / "n.md")],
    )
    assert result.exit_code != 0
    assert "the same command goes on" in result.output
    assert (tmp_path / "n.md").read_text().count("## one") == 1


@pytest.mark.parametrize("parts", ["nonsense", "whole,nonsense", ",", "all,whole"])
def test_a_part_that_does_not_exist_is_named(planted, parts: str) -> None:
    assert "there are whole, lengths, beside, instructions" in invoke(
        "--processor", parts, status=2
    ).replace("\n", " ")


@pytest.mark.parametrize("name", PARTS)
def test_the_widest_rows_have_room_in_80_columns(name: str, monkeypatch) -> None:
    """On a terminal of that width and in a pipe alike nothing is folded."""
    columns, figures = WIDEST[name]
    row = (*HEADS[name], *figures)
    shown = []
    for width in (80, output.UNBOUNDED):
        console = Console(width=width, force_terminal=False, record=True)
        monkeypatch.setattr(output, "screen", console)
        output.show("a title", columns, [row], texts=len(HEADS[name]))
        shown.append([line.rstrip() for line in console.export_text().splitlines()])
    assert shown[0] == shown[1]
    assert max(map(len, shown[0])) <= 80

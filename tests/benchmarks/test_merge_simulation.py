from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from benchmarks.merge_simulation import (
    command,
    join_at_middle,
    join_by_suffix,
    simulate,
)
from benchmarks.simulated_recogniser import (
    REGIMES,
    Regime,
    SimulatedRecogniser,
    SpokenWord,
    read_words,
    speak,
)
from chunking.types import Piece, Window, Word

PERFECT = Regime("perfect", 0.0, 0.0, 0.0)
FLOOR, OURS, MIDDLE = "no windows (floor)", "anchored seam merge", "cut at the middle"


def rows_of(report):
    return {(row.regime, row.method): row for row in report.rows}


@pytest.mark.slow
def test_our_merge_reaches_the_floor_and_the_middle_cut_does_not():
    recordings = [speak(1200.0, seed) for seed in range(2)]
    rows = rows_of(simulate(recordings, overlaps=(5.0,)))
    for regime in REGIMES:
        floor = rows[regime.name, FLOOR].wer
        assert rows[regime.name, OURS].wer <= floor + 0.2
        assert rows[regime.name, MIDDLE].wer > rows[regime.name, OURS].wer + 0.2


@pytest.mark.slow
def test_repeated_words_do_not_confuse_our_merge():
    recordings = [speak(1200.0, 7, repeat_every=75)]
    rows = rows_of(simulate(recordings, overlaps=(5.0,)))
    for regime in REGIMES:
        assert rows[regime.name, OURS].wer <= rows[regime.name, FLOOR].wer + 0.2


def test_excess_counts_from_the_floor():
    report = simulate([speak(150.0, 3)], regimes=REGIMES[1:2])
    rows = rows_of(report)
    assert rows["B", FLOOR].excess_per_seam == 0.0
    ours = rows["B", OURS]
    assert ours.excess_per_seam * ours.seams == pytest.approx(ours.errors - rows["B", FLOOR].errors)
    assert ours.excess_interval[0] <= ours.excess_per_seam <= ours.excess_interval[1]


def test_perfect_hearing_has_no_errors_on_the_floor():
    report = simulate([speak(100.0, 1)], regimes=(PERFECT,))
    assert rows_of(report)["perfect", FLOOR].errors == 0


def test_an_ear_hears_the_same_window_the_same_way():
    words = speak(60.0, 5)
    window = Window(1, 25.0, 55.0)
    assert SimulatedRecogniser(words, REGIMES[2], 1).recognise(window) == SimulatedRecogniser(
        words, REGIMES[2], 1
    ).recognise(window)


def test_an_ear_errs_as_often_as_its_regime_says():
    words = speak(1200.0, 11)
    heard = SimulatedRecogniser(words, Regime("half", 0.5, 0.0, 0.0), 0).recognise_all(
        [Window(0, 0.0, 1200.0)]
    )
    kept = {word.text for word in words}
    wrong = sum(text not in kept for text in heard)
    assert 0.25 < wrong / len(words) < 0.45  # a quarter of the mistakes leaves no trace in the text


def piece(index, start, *words):
    return Piece(
        Window(index, start, start + 10.0),
        tuple(Word(f" {t}", at, at + 0.4, 0.9, (), index, n) for n, (t, at) in enumerate(words)),
    )


def test_middle_cut():
    pieces = [piece(0, 0.0, ("a", 1.0), ("b", 8.6)), piece(1, 7.0, ("b", 8.7), ("c", 12.0))]
    assert join_at_middle(pieces) == ["a", "b", "c"]


def test_suffix_match():
    pieces = [piece(0, 0.0, ("a", 1.0), ("b", 8.0)), piece(1, 7.0, ("b", 8.0), ("c", 12.0))]
    assert join_by_suffix(pieces) == ["a", "b", "c"]


def test_words_of_a_user(tmp_path):
    file = tmp_path / "words.jsonl"
    file.write_text('{"text": "b", "start": 1, "end": 2}\n\n{"text": "a", "start": 0, "end": 1}\n')
    assert read_words(file) == (SpokenWord("a", 0.0, 1.0), SpokenWord("b", 1.0, 2.0))


def test_words_without_times_name_the_line(tmp_path):
    file = tmp_path / "words.jsonl"
    file.write_text('{"text": "b"}\n')
    with pytest.raises(ValueError, match=r"words\.jsonl:1"):
        read_words(file)


def test_command_writes_the_same_figures_twice(tmp_path):
    import typer

    app = typer.Typer()
    app.command()(command)
    file = tmp_path / "merge.json"
    result = CliRunner().invoke(app, ["--hours", "0.03", "--repeats", "--json", str(file)])
    assert result.exit_code == 0, result.output
    rows = json.loads(file.read_text())["rows"]
    for row in rows:
        assert f"| {row['regime']} | 3 | {row['method']} | {row['wer']:.2f} |" in result.output

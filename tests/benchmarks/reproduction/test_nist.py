from __future__ import annotations

from pathlib import Path

from benchmarks.reproduction.nist import csrnab, librispeech, parse_result, score_trn
from benchmarks.scoring import Counts

RESULT = "WER: error_rate=40.0, ref_words=5, subs=1, ins=0, dels=1\nU-WER: error_rate=1.0"


def test_alternations_by_hand() -> None:
    reference = "THE { INDUSTRY'S / INDUSTRY } SLIDE IN { @ / THE } STATES (u1)\n(u2)\n"
    hypothesis = "the industry slide in the state (U1)\nnoise (U2)\n"
    assert score_trn(reference, hypothesis) == Counts(5, 1, 0, 1)


def test_nists_weights_choose_the_split() -> None:
    # a hit is worth a deletion and an insertion (6) rather than two substitutions (8)
    assert score_trn("a b (u)", "b c (u)") == Counts(1, 0, 1, 1)


def test_published_counts() -> None:
    assert parse_result(RESULT) == Counts(3, 1, 1, 0)


def test_folders(tmp_path: Path) -> None:
    assert csrnab(tmp_path) == []
    (tmp_path / "csrnab.ref").write_text("A B (u1)\n")
    (tmp_path / "csrnab.hyp").write_text("A C (u1)\n")
    (found,) = csrnab(tmp_path)
    assert not found.is_settled
    (tmp_path / "hyp").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "ref.test-clean.tsv").write_text("u1\ta b c\nu2\td e\n")
    (tmp_path / "hyp/test-clean.x.tsv").write_text("u1\ta x c\nu2\td\n")
    (tmp_path / "results/test-clean.x.tsv.result").write_text(RESULT)
    (found,) = librispeech(tmp_path)
    assert found.is_close
    assert found.case == "x"

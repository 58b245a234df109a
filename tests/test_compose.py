"""The compose files: what is written twice there is the same."""

from __future__ import annotations

from pathlib import Path

import yaml

from app.settings import Settings

ROOT = Path(__file__).parent.parent
OWN = {"ports", "build", "environment", "networks", "depends_on"}


def services_of(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))["services"]


def test_the_second_service_is_confined_as_the_first():
    first = services_of("compose.yaml")["longform"]
    second = services_of("compose.postgres.yaml")["longform-second"]
    assert {key: second.get(key) for key in first.keys() - OWN} == {
        key: first[key] for key in first.keys() - OWN
    }
    assert second.keys() - first.keys() <= OWN
    assert all(port.startswith("127.0.0.1:") for port in first["ports"] + second["ports"])
    assert not set(first["ports"]) & set(second["ports"])


def test_both_services_are_told_the_same():
    on_top = services_of("compose.postgres.yaml")
    first = services_of("compose.yaml")["longform"]["environment"]
    first = {**first, **on_top["longform"]["environment"]}
    assert on_top["longform-second"]["environment"] == first
    assert {"LONGFORM_SHARED_QUEUE", "LONGFORM_DATABASE_URL"} < first.keys()
    assert {name.removeprefix("LONGFORM_").lower() for name in first} <= set(Settings.model_fields)


def test_workers_are_confined_as_services_and_reach_less():
    first = services_of("compose.yaml")["longform"]
    worker = services_of("compose.workers.yaml")["longform-worker"]
    same = first.keys() - OWN - {"volumes"}
    assert {key: worker.get(key) for key in same} == {key: first[key] for key in same}
    assert worker["volumes"] == ["models:/models"]
    assert "ports" not in worker
    assert worker["deploy"] == {"replicas": 2}
    assert worker["command"] == ["worker"]


def test_services_and_workers_are_told_of_one_database():
    on_top, database = services_of("compose.workers.yaml"), services_of("compose.postgres.yaml")
    worker = on_top.pop("longform-worker")
    url = database["longform"]["environment"]["LONGFORM_DATABASE_URL"]
    for service in on_top.values():
        assert service["environment"] == {"LONGFORM_WORKERS_URL": url}
    first = services_of("compose.yaml")["longform"]["environment"]
    assert worker["environment"] == {
        "LONGFORM_WORKERS_URL": url,
        "LONGFORM_MODEL": first["LONGFORM_MODEL"],
        "LONGFORM_HOST": "127.0.0.1",
    }
    assert on_top.keys() == database.keys() - {"postgres"}
    named = {name.removeprefix("LONGFORM_").lower() for name in worker["environment"]}
    assert named <= set(Settings.model_fields)

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

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings as ServiceSettings
from decoding.cluster.deployment import Scaling
from transcription.cluster import application_of, connection_of, open_cluster, scaling_of, told
from transcription.models import open_decoder, settled, whereabouts
from transcription.settings import Settings

THERE = {"ray_address": "head:6379", "ray_token_file": Path("token")}


def test_a_cluster_without_a_token_is_refused():
    with pytest.raises(ValidationError, match="LONGFORM_RAY_TOKEN_FILE"):
        Settings(ray_address="head:6379")


def test_fewer_at_most_than_at_least_is_refused():
    with pytest.raises(ValidationError, match="LONGFORM_RAY_MAX_REPLICAS"):
        Settings(**THERE, ray_replicas=3, ray_max_replicas=2)


def test_a_replica_has_a_card_and_as_many_windows_as_slots():
    assert scaling_of(Settings(**THERE)) == Scaling(1, 1, gpus=1.0, cpus=1.0)
    settings = Settings(
        **THERE, ray_replicas=2, ray_max_replicas=16, ray_gpus=0, slots=8, threads=4
    )
    assert scaling_of(settings) == Scaling(2, 16, gpus=0.0, cpus=4, windows_at_once=8)
    assert told(settings) == "replicas on the Ray cluster at head:6379: 2 to 16, without cards"
    assert told(Settings(**THERE)) == "replicas on the Ray cluster at head:6379: 1, 1 cards each"


@pytest.mark.parametrize(
    ("model", "name"),
    [("turbo", "longform-turbo"), ("/models/my model", "longform-models-my-model")],
)
def test_each_model_has_an_application(model: str, name: str):
    assert application_of(Settings(**THERE, model=model)).name == name


def test_a_replica_takes_no_other_model_and_asks_no_cluster():
    """Where nobody named a model, another may stand in for it: not in one replica of many."""
    application = application_of(Settings(**THERE))
    (settings,) = application.factory.args
    assert settings.is_model_named
    assert settings.ray_address is None


def test_no_secret_of_the_service_goes_to_replicas():
    given = ServiceSettings(**THERE, database_url="postgresql://me:hush@db/jobs", slots=3)
    (settings,) = application_of(given).factory.args
    assert type(settings) is Settings
    assert settings.slots == 3
    assert b"hush" not in pickle.dumps(settings)


def test_nothing_is_fetched_for_replicas_here():
    settings = Settings(**THERE, model="turbo")
    assert settled(settings) is settings
    assert whereabouts(settings) == "is brought to each host that decodes when its engine is opened"


def test_what_is_missing_is_told_before_anything_is_started():
    for opened in (open_cluster, open_decoder):
        with pytest.raises(ValueError, match=r"token|setup.sh --extra cluster"):
            opened(Settings(**THERE))
    with pytest.raises(ValueError, match="HOST:PORT"):
        connection_of(Settings(ray_address="auto", ray_token_file=Path("token")))

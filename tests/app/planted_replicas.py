"""Planted engines on the nodes of a Ray cluster. Their processes import this by its name."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from decoding.cluster.connection import Connection
from decoding.cluster.deployment import Application, Scaling
from decoding.cluster.gateway import Gateway, open_gateway
from decoding.process.engine_process import EngineProcess
from decoding.types import Decoder
from tests.app.planted import PlantedDecoder


def on_cluster(address: str, token: Path, pace: float, replicas: int) -> Decoder:
    """Planted engines on the nodes of a cluster; the way to them as the service has it."""
    scaling = Scaling(replicas, replicas, gpus=0, windows_at_once=4, look_seconds=0.5)
    factory = partial(planted_replica, pace)
    application = Application("planted", factory, scaling)
    return open_gateway(Gateway(Connection(address, token), application))


def planted_replica(pace: float) -> Decoder:
    return EngineProcess(partial(PlantedDecoder, pace, slots=4))

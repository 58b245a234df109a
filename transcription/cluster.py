"""The engine of the settings on a Ray cluster: what its replicas are, and the way to them.

Knows nothing of Ray itself, which is decoding/cluster's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from decoding.cluster.connection import Connection
from decoding.cluster.deployment import Application, Scaling
from decoding.cluster.gateway import Gateway, clips_for, open_gateway
from decoding.cluster.serve_decoder import Limits
from decoding.process.replicas import ReplicaSet
from decoding.process.watchdog import Patience
from decoding.types import Decoder
from transcription.model_names import public_name
from transcription.settings import Settings

Prepare = Callable[[], None]

ANSWER_PATIENCE = 4  # a clip may take so many times what an engine may go without a step


def open_cluster(settings: Settings, prepare: Prepare | None = None) -> Decoder:
    """The replicas of the cluster of `settings`, brought up unless they are there.

    Raises ValueError when the package or the token is missing, and while the cluster cannot be
    reached `ConnectionError` or `EngineFailed`.
    """
    connection, application = connection_of(settings), application_of(settings)
    connection.check()
    seconds, number = settings.watchdog_seconds, settings.ray_gateways
    limits = Limits(clips_for(application), answer_seconds=ANSWER_PATIENCE * seconds)
    way = Gateway(connection, application, limits, settings.ray_deploy, prepare, 1 / number)
    gateways: list[Decoder] = []
    try:
        for _ in range(number):
            gateways.append(open_gateway(way, patience=Patience(longest=seconds)))
    except BaseException:
        for gateway in gateways:
            gateway.close()
        raise
    return gateways[0] if number == 1 else ReplicaSet(gateways)


def deploy(settings: Settings) -> str:
    """Bring the replicas to what the settings ask for, whatever is there; their name.

    Joins the cluster with this process. Raises as `open_cluster` does.
    """
    connection_of(settings).join()
    application = application_of(settings)
    application.deploy()
    return application.name


def connection_of(settings: Settings) -> Connection:
    """Raises ValueError for an address that is none."""
    assert settings.ray_address is not None
    assert settings.ray_token_file is not None
    return Connection(settings.ray_address, settings.ray_token_file)


def application_of(settings: Settings) -> Application:
    """The replicas that the settings ask for, under a name made of the model's."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", public_name(settings.model)).strip("-")
    factory = partial(open_replica, settings.of_an_engine())
    return Application(f"longform-{name}", factory, scaling_of(settings))


def scaling_of(settings: Settings) -> Scaling:
    return Scaling(
        least=settings.ray_replicas,
        most=settings.ray_max_replicas or settings.ray_replicas,
        gpus=settings.ray_gpus,
        cpus=settings.threads or 1,
        windows_at_once=settings.slots,
    )


def open_replica(settings: Settings) -> Decoder:
    """The engine of a replica, on its host: on the card that Ray gave it, or on the processor.

    It lives in a process of the replica's, as everywhere: a recording that kills it is found out.
    """
    from transcription.models import open_decoder

    devices = "cuda:0" if settings.ray_gpus else "cpu"
    return open_decoder(settings.model_copy(update={"devices": devices}), own_process=True)


def application(given: dict[str, Any]) -> Any:
    """What a Serve config file names as `import_path`: `transcription.cluster:application`.

    `given` are settings by their names: {"model": "turbo", "ray_max_replicas": 16}; the rest comes
    from the environment of the pod that reads it.
    """
    return application_of(Settings(**given)).bound()


def told(settings: Settings) -> str:
    """One sentence for people: where the replicas are, and how many."""
    scaling = scaling_of(settings)
    is_fixed = scaling.most == scaling.least
    number = f"{scaling.least}" if is_fixed else f"{scaling.least} to {scaling.most}"
    cards = f"{scaling.gpus:g} cards each" if scaling.gpus else "without cards"
    return f"replicas on the Ray cluster at {settings.ray_address}: {number}, {cards}"

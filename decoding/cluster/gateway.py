"""The way to a cluster's replicas: a process of ours that has joined it, and may end with it.

Ray ends processes that have lost their cluster. The service is none of them: it speaks with a
gateway, which is replaced when it dies and then asks again for what nobody has answered.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from decoding.cluster.connection import Connection
from decoding.cluster.deployment import SLOTS, Application
from decoding.cluster.serve_decoder import Limits, ServeDecoder
from decoding.errors import EngineAway
from decoding.process.engine_process import EngineProcess, Restarts
from decoding.process.watchdog import Patience

CLUSTER_LOST = 72  # exit code
FEWEST_CLIPS = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The inside: join, bring the replicas up unless they are there, ask them.

    `deploys`: whether this may bring them up. `prepare` is called first in the process. `share` of
    the replicas' slots counts as its own, where a service has several gateways.
    """

    connection: Connection
    application: Application
    limits: Limits = field(default_factory=Limits)
    deploys: bool = True
    prepare: Callable[[], None] | None = None
    share: float = 1.0

    def __call__(self) -> ServeDecoder:
        """Raises `ConnectionError` for a cluster out of reach, `EngineAway` and `EngineFailed` for
        replicas that are not there or cannot be."""
        if self.prepare is not None:
            self.prepare()
        self.connection.join()
        if not self.application.is_deployed():
            if not self.deploys:
                raise EngineAway(f"{self.application.name} is not on the cluster yet")
            self.application.deploy()
        return ServeDecoder(self.application, self.limits, _leave, self.share)


def open_gateway(
    gateway: Gateway, *, patience: Patience | None = None, restarts: Restarts | None = None
) -> EngineProcess:
    """A `Decoder` on the replicas. Raises what opening the gateway raised."""
    return EngineProcess(
        gateway,
        name=f"gateway to {gateway.connection.address}",
        capacity=gateway.limits.clips,
        patience=patience,
        restarts=restarts,
        suspects_clips=False,
    )


def clips_for(application: Application) -> int:
    """That one service may have under way: twice what all replicas may have at once."""
    scaling = application.scaling
    return max(FEWEST_CLIPS, 4 * scaling.most * (scaling.windows_at_once or SLOTS))


def _leave() -> None:
    """Every clip has been answered; the parent starts another gateway, again and again."""
    os._exit(CLUSTER_LOST)

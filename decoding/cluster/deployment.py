"""Engine replicas as an application of Ray Serve: how many, where, and bringing them up.

What a replica does is decoding/cluster/engine_replica.py's. Serve's web server is switched off:
replicas are called from within the cluster alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from decoding.cluster.engine_replica import EngineReplica
from decoding.errors import EngineFailed
from decoding.types import Decoder, EngineStatistics, ModelCard

DEPLOYMENT = "engine"
# An engine has the next windows beside it while it decodes those of its slots. Twice that may be
# there, because Serve looks at two replicas of all, and where both are full it pauses.
AT_A_REPLICA = 4
LONGEST_PAUSE_SECONDS = 0.1
SLOTS = 64  # of an engine that nobody has asked
DESCRIBE_SECONDS = 1800.0  # that a replica may take to be there, its model downloaded and loaded


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many replicas of what kind.

    `gpus` and `cpus` of each; several fit on a card with a fraction. Replicas are added when those
    there are have more than `windows_at_once` on average, waiting ones included, for
    `grow_seconds`, and drained and removed when they have had less for `shrink_seconds`.
    `windows_at_once` None: as many as the engine has slots.
    """

    least: int = 1
    most: int = 1
    gpus: float = 1.0
    cpus: float = 1.0
    windows_at_once: int | None = None
    grow_seconds: float = 15.0
    shrink_seconds: float = 300.0
    look_seconds: float = 2.0
    drain_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"replicas: 1 <= least <= most, got {self.least} and {self.most}")


@dataclass(frozen=True, slots=True)
class Application:
    """The replicas of one model: under which name, of which engine, how many."""

    name: str
    factory: Callable[[], Decoder]
    scaling: Scaling

    def bound(self) -> Any:
        """As Serve takes it, for `serve.run` and for `import_path` of its config files."""
        from ray import serve

        scaling = self.scaling
        windows = scaling.windows_at_once or SLOTS
        deployment = serve.deployment(
            EngineReplica,
            name=DEPLOYMENT,
            max_ongoing_requests=AT_A_REPLICA * windows,
            request_router_config={"max_backoff_s": LONGEST_PAUSE_SECONDS},
            autoscaling_config={
                "min_replicas": scaling.least,
                "max_replicas": scaling.most,
                "initial_replicas": scaling.least,
                "target_ongoing_requests": windows,
                "upscale_delay_s": scaling.grow_seconds,
                "downscale_delay_s": scaling.shrink_seconds,
                "look_back_period_s": 2 * scaling.look_seconds,
                "metrics_interval_s": scaling.look_seconds,
            },
            # An actor of Serve is never asked twice: a window is tried again by its job's step.
            ray_actor_options={"num_gpus": scaling.gpus, "num_cpus": scaling.cpus},
            health_check_period_s=scaling.look_seconds,
            health_check_timeout_s=30.0,
            graceful_shutdown_wait_loop_s=scaling.look_seconds,
            graceful_shutdown_timeout_s=scaling.drain_seconds,
        )
        return deployment.bind(self.factory)

    def deploy(self) -> None:
        """Bring the replicas up anew; those that are there are replaced one after another.

        Returns when they can be asked. Raises `EngineFailed`, and what opening an engine raises
        where nobody has said how many windows go to one.
        """
        serve = serve_of_the_cluster()
        serve.start(proxy_location="Disabled")
        measured = replace(self.scaling, windows_at_once=self._windows_at_once())
        try:
            bound = replace(self, scaling=measured).bound()
            serve.run(bound, name=self.name, route_prefix=None)
        except RuntimeError as error:  # the deployment failed; the message says of what
            raise EngineFailed(f"the replicas of {self.name} cannot be opened: {error}") from error

    def is_deployed(self) -> bool:
        """Whether somebody has brought the replicas up, or is doing so."""
        serve = serve_of_the_cluster()
        return self.name in serve.status().applications

    def num_running(self) -> int:
        """Replicas that take clips now. Raises what Ray raises when its controller is not there."""
        serve = serve_of_the_cluster()
        application = serve.status().applications.get(self.name)
        deployment = application.deployments.get(DEPLOYMENT) if application else None
        return deployment.replica_states.get("RUNNING", 0) if deployment else 0

    def handle(self) -> Any:
        """What calls replicas: Serve sends each call to one that has room for it."""
        serve = serve_of_the_cluster()
        return serve.get_deployment_handle(DEPLOYMENT, self.name)

    def describe(self) -> tuple[ModelCard, EngineStatistics]:
        """What one of the replicas says of its engine; waits until there is one."""
        described: tuple[ModelCard, EngineStatistics]
        described = self.handle().describe.remote().result(timeout_s=DESCRIBE_SECONDS)
        return described

    def _windows_at_once(self) -> int:
        """As given, or the slots of an engine: a replica's, or one opened where it would be."""
        if self.scaling.windows_at_once is not None:
            return self.scaling.windows_at_once
        if self.num_running():  # there may be no card for one more
            return max(self.describe()[1].slots, 1)
        import ray

        asked = ray.remote(max_calls=1, max_retries=0)(num_slots).options(
            num_gpus=self.scaling.gpus, num_cpus=self.scaling.cpus
        )
        return max(int(ray.get(asked.remote(self.factory))), 1)


def serve_of_the_cluster() -> Any:
    """Ray Serve, where this process has joined a cluster; else Serve would start one of its own.

    Raises `ConnectionError`.
    """
    import ray
    from ray import serve

    if not ray.is_initialized():
        raise ConnectionError("this process is on no cluster, or has left it")
    return serve


def num_slots(factory: Callable[[], Decoder]) -> int:
    """Windows that the engine decodes at once; it is opened and closed."""
    decoder = factory()
    try:
        return decoder.statistics().slots
    finally:
        decoder.close()

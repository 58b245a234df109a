"""How a process joins a Ray cluster: the one that it is told of, with that cluster's token.

Starts no cluster and no node: `ray start` on this host has joined it before (docs/scaling.md).
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

EXTRA = "replicas on a Ray cluster need its package: sh setup.sh --extra cluster .venv"
# Whoever calls Ray after its cluster was lost would start one of its own on this host.
NO_OTHER_CLUSTER = {"RAY_ENABLE_AUTO_CONNECT": "0"}
_ADDRESS = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")


@dataclass(frozen=True, slots=True)
class Connection:
    """`address`: HOST:PORT of the cluster's head. `token_file` holds the token of the cluster.

    Raises ValueError for anything but an address: with "auto" Ray would join whatever cluster an
    earlier run left behind on this host.
    """

    address: str
    token_file: Path

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"a Ray cluster's address is HOST:PORT, got {self.address!r}")

    def check(self) -> None:
        """Raise ValueError when the package or the token is missing, with one sentence."""
        if importlib.util.find_spec("ray") is None:
            raise ValueError(EXTRA)
        try:
            has_token = bool(self.token_file.read_text(encoding="utf-8").strip())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"the token file {self.token_file}: {reason}") from error
        if not has_token:
            raise ValueError(f"the token file {self.token_file} is empty")

    def join(self) -> None:
        """Join with this process, once. Raises `ConnectionError` when the cluster is not there,
        and what `check` raises."""
        self.check()
        for name, value in {**self.environment, **NO_OTHER_CLUSTER}.items():
            os.environ[name] = value  # Ray reads it when it is imported
        import ray
        import ray.serve

        if not ray.is_initialized():
            ray.init(address=self.address, log_to_driver=False, configure_logging=False)
        logging.getLogger("ray.serve").setLevel(logging.ERROR)  # it tells of every call
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # and of each by which it noticed

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the cluster, `ray start` too, is given."""
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file.absolute()),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

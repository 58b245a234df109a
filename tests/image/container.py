"""A container made by hand: the image's content in name spaces of its own, as compose.yaml runs it.

Read-only root, /tmp not executable, no capabilities, no network but its own loopback unless asked
for. It is no container engine: limits of memory and processes are not set.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.image.building import Image

GRACE_SECONDS = 30  # compose.yaml: stop_grace_period
POLL_SECONDS = 0.2
ALONE, HOST = "alone", "host"

# $1 the image's root, $2 data, $3 models and $4 how they are mounted, $5 what the checks bring,
# $6 "host" or another network, $7 further mounts (outside:inside); then the command.
# But for the host's, the name server is out of reach too: asking it for a name counts as going out.
INSIDE = """
set -eu
root=$1 data=$2 models=$3 access=$4 checks=$5 network=$6 more=$7
shift 7
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o noexec,nosuid,nodev,size=512m,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
mount -t tmpfs -o nosuid,nodev,noexec,size=256m,mode=1777 tmpfs "$root/dev/shm"
mkdir "$root/tmp/checks"
mount --bind "$checks" "$root/tmp/checks"
mount --bind "$data" "$root/data"
mount --bind "$models" "$root/models"
mount -o "remount,bind,$access" "$root/models"
for pair in $more; do
    outside=${pair%%:*} inside=$root${pair#*:}
    if [ -d "$outside" ]; then mkdir -p "$inside"; else
        mkdir -p "${inside%/*}"
        [ -e "$inside" ] || : >"$inside"
    fi
    mount --bind "$outside" "$inside"
done
if [ "$network" = host ]; then
    mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
else
    ip link set lo up
    echo "nameserver 192.0.2.1" >"$root/dev/resolv.conf"
    mount --bind "$root/dev/resolv.conf" "$root/etc/resolv.conf"
fi
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Who runs in the container, on which volumes; `settings` are variables besides the image's.

    `network` is "host", "alone" (one of its own) or the name of one that was made with `ip netns`.
    """

    data: Path
    models: Path
    checks: Path
    user: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    network: str = ALONE
    models_read_only: bool = False
    mounts: dict[Path, Path] = field(default_factory=dict)  # place inside: what


class Container:
    """The image's entry point with `arguments`, running until it ends or `stop`."""

    def __init__(self, image: Image, run: Run, log: Path, arguments: tuple[str, ...] = ()) -> None:
        self._image, self._run, self.log = image, run, log
        spaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork"]
        spaces += ["--net"] if run.network == ALONE else []
        join = [] if run.network in (ALONE, HOST) else ["ip", "netns", "exec", run.network]
        inside = ["sh", "-c", INSIDE, "container", str(image.root), *_places(run)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*join, *spaces, *inside, *self._as_user([*image.entrypoint, *arguments])],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def execute(
        self, *command: str, seconds: float, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in the running container as its user, as `docker exec` does."""
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--net", "--root", "--wd"]
        join = ["nsenter", "--target", str(self.first_process), *spaces]
        return subprocess.run(
            [*join, *self._as_user(list(command), settings)],
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    @property
    def first_process(self) -> int:
        """What is process 1 inside."""
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        assert children, f"the container has ended: {self.log.read_text()[-2000:]}"
        return int(children[0])

    @property
    def has_started(self) -> bool:
        """Whether the entry point has begun, so that commands can run beside it."""
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        name = Path(self._image.entrypoint[0]).name
        return bool(children) and Path(f"/proc/{children[0]}/comm").read_text().strip() == name

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float) -> int:
        """The exit code."""
        return self._process.wait(seconds)

    def terminate(self) -> float:
        """Send SIGTERM to process 1; the seconds until it had ended."""
        start = time.monotonic()
        os.kill(self.first_process, signal.SIGTERM)
        self._process.wait(GRACE_SECONDS)
        return time.monotonic() - start

    def remove(self) -> None:
        """Kill what still runs: with its process 1 a name space ends whole.

        `--kill-child` does not reach that far: a process that changes its user is let off.
        """
        if not self.has_ended:
            with suppress(AssertionError, ProcessLookupError):
                os.kill(self.first_process, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def went_out(self) -> int:
        """How often something in it tried to reach an address beyond its own loopback."""
        lines = Path(f"/proc/{self.first_process}/net/snmp").read_text().splitlines()
        names, numbers = (line.split() for line in lines if line.startswith("Ip:"))
        return int(numbers[names.index("OutNoRoutes")])

    def _as_user(self, command: list[str], more: dict[str, str] | None = None) -> list[str]:
        user, _, group = (self._run.user or self._image.user).partition(":")
        variables = {**self._image.environment, **self._run.settings, **(more or {})}
        return [
            *("setpriv", "--reuid", user, "--regid", group, "--clear-groups"),
            *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
            *("env", "-i", *(f"{k}={v}" for k, v in variables.items())),
            *command,
        ]


def _places(run: Run) -> list[str]:
    """The arguments of INSIDE from the second to the seventh."""
    return [
        *(str(run.data), str(run.models), "ro" if run.models_read_only else "rw", str(run.checks)),
        run.network,
        " ".join(f"{outside}:{inside}" for inside, outside in run.mounts.items()),
    ]

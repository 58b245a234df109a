"""What README and compose.yaml promise of the image, one function a promise.

Each returns what is worth a look in the table; `AssertionError` where the promise is broken.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from tests.image.building import ROOT, Image, registry_mounts
from tests.image.container import GRACE_SECONDS, HOST, POLL_SECONDS, Container, Run
from tests.image.postgres import database, programs

Step = tuple[str, Callable[[], str | None]]

STRANGER = "54321:54321"  # a uid that the image has never heard of
# Ends of patience, not what is promised: the machine may be busy.
READY_SECONDS = 900
ANSWER_SECONDS = 1200
REFUSAL_SECONDS = 900
# One of 809 words and 9.4 % on the whole recording.
MOST_ERRORS = {"demo": 0.002, "base": 0.15}
ROOMS = ("app", "benchmarks", "bulk", "chunking", "decoding", "training", "transcription")
INGREDIENTS = (
    *("Dockerfile", ".dockerignore", "LICENSE", "README.md"),
    *("locks", "pyproject.toml", *ROOMS),
)
GO_OUT = "import socket; socket.socket(socket.AF_INET).connect(('192.0.2.1', 443))"


def broken_context(folder: Path) -> Path:
    """A copy of what the image is made of, in which one file of ours is no Python."""
    for name in INGREDIENTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    (folder / "training" / "broken.py").write_text("def (:\n")
    return folder


class Checks:
    """One image, and the folder in which its volumes are made. `weights` outlives the checks."""

    def __init__(self, image: Image, folder: Path, weights: Path, variant: str) -> None:
        self._image, self._folder, self._variant = image, folder, variant
        self._weights = weights
        folder.chmod(0o755)  # PostgreSQL, which is not root, has a folder of its own there
        self._numbers = count()
        self._checks = self._what_checks_bring()

    def steps(self) -> list[Step]:
        return [
            ("demo, offline: starts, transcribes", self.demo),
            ("the surroundings are as compose.yaml has them", self.surroundings),
            ("the SBOM names what is installed", self.contents),
            ("the health check tells well from ill", self.health),
            ("SIGTERM in mid-job; a new container ends the job", self.survival),
            ("the same with jobs in PostgreSQL", self.postgres),
            ("an arbitrary uid", self.stranger),
            ("a data folder of root's: one sentence", self.foreign_data),
            ("a model folder of root's: one sentence", self.foreign_models),
            ("base missing and no network: tries on and says why", self.no_model),
            ("base is fetched into the volume", self.fetch),
            ("base, offline, from a volume read only: transcribes", self.base),
        ]

    def demo(self) -> str:
        with self._serving("demo") as (container, seconds):
            return f"ready in {seconds:.0f} s, {self._transcribes(container, 'demo')}"

    def surroundings(self) -> str:
        with self._serving("demo") as (container, _):
            found = ask(container, "surroundings")
        assert found["uid"] == 10001, found
        assert found["capabilities"] == 0, found
        assert found["writable"] == [], found
        assert not found["can_run_in_tmp"], found
        assert found["not_compiled"] == [], found
        assert found["has_triton"] == (self._variant == "cuda"), found
        return "uid 10001, no capabilities, root read only, /tmp not executable"

    def contents(self) -> str:
        with self._serving("demo") as (container, _):
            found = ask(container, "contents")
        assert found["wrong"] == [], found
        lacks = ["triton"] if self._variant == "cpu" else []  # 1 GB that no processor has a use for
        for line, name in zip(found["missing"], lacks, strict=True):
            assert f"requires {name}, which is not installed" in line, found
        return f"{found['format']}, {found['packages']} packages"

    def health(self) -> str:
        with self._serving("demo") as (container, _):
            well = container.execute(*self._image.health, seconds=30)
            ill = container.execute(*self._image.health, seconds=30, LONGFORM_PORT="1")
        assert well.returncode == 0, well.stderr
        assert ill.returncode != 0
        return f"exit codes 0 and {ill.returncode}"

    def survival(self) -> str:
        return self._survives(self._run("demo", self._volume()))

    def postgres(self) -> str:
        """The same with compose.postgres.yaml's settings, on this machine's PostgreSQL."""
        if programs() is None:
            return "NOT CHECKED: no PostgreSQL on this machine"
        run = self._run("demo", self._volume())
        with database(self._folder / "postgres") as served:
            settings = {**run.settings, **served.settings}
            mounts = {Path("/etc/hosts"): served.hosts}
            run = replace(run, settings=settings, network=served.network, mounts=mounts)
            survived = self._survives(run)
            jobs = served.count("longform_jobs")
        assert jobs == 1, f"PostgreSQL holds {jobs} jobs"
        assert not [*run.data.glob("*.db")], "there is an SQLite database too"
        return survived

    def _survives(self, run: Run) -> str:
        """SIGTERM while a job runs; a new container on the same volumes ends the job."""
        with self._ready(run) as (container, _):
            job = ask(container, "submit")
            while (status := ask(container, "status", job)) == "queued":
                time.sleep(POLL_SECONDS)
            assert status == "running", f"the job was {status} before it could be interrupted"
            seconds = container.terminate()
            assert container.wait(0) in (0, 143), container.log.read_text()
        with self._ready(run) as (container, _):
            found = ask(container, "result", job)
        assert found["wer"] <= MOST_ERRORS["demo"], found
        return f"ended in {seconds:.1f} of {GRACE_SECONDS} s, then {told(found)}"

    def stranger(self) -> str:
        data = self._volume(STRANGER)
        with self._serving("demo", data, user=STRANGER) as (container, seconds):
            assert ask(container, "surroundings")["uid"] == int(STRANGER.split(":")[0])
            heard = self._transcribes(container, "demo")
        return f"uid {STRANGER}: ready in {seconds:.0f} s, {heard}"

    def foreign_data(self) -> str:
        said = {}
        for mode in (0o755, 0o700):
            data = self._volume("0:0", mode)
            said[mode] = self._refusal(self._run("demo", data), "the data folder /data cannot")
        return said[0o755]

    def foreign_models(self) -> str:
        models = self._volume("0:0", 0o755)
        return self._refusal(self._run("base", self._volume(), models), "/models")

    def no_model(self) -> str:
        start = time.monotonic()
        with self._started(self._run("base", self._volume(), self._volume())) as container:
            while "the model 'base' cannot be had" not in (said := container.log.read_text()):
                assert time.monotonic() - start < REFUSAL_SECONDS, said
                time.sleep(POLL_SECONDS)
            assert ask(container, "ready") is None
        return "not ready; the log says what was tried"

    def fetch(self) -> str:
        """With the network, and with pip's settings of this machine."""
        self._weights.mkdir(exist_ok=True)
        os.chown(self._weights, 10001, 10001)
        run = replace(
            self._run("base", self._volume(), self._weights),
            network=HOST,
            mounts=registry_mounts(self._folder),
        )
        with self._started(run, "fetch", "base") as container:
            code = container.wait(ANSWER_SECONDS)
        assert code == 0, container.log.read_text()[-2000:]
        files = [path for path in (self._weights / "base").iterdir() if path.is_file()]
        return f"{sum(path.stat().st_size for path in files) / 1e6:.0f} MB, verified"

    def base(self) -> str:
        with self._serving("base", models=self._weights, keeps_models=True) as (container, seconds):
            heard = self._transcribes(container, "base")
            assert container.went_out() == 0, f"it tried to go out {container.went_out()} times"
            container.execute("python", "-c", GO_OUT, seconds=30)
            assert container.went_out() > 0, "the count of attempts to go out counts nothing"
        return f"ready in {seconds:.0f} s, {heard}, no connection outward tried"

    def _transcribes(self, container: Container, model: str) -> str:
        assert ask(container, "ready") == model
        found = ask(container, "transcribe")
        assert found["wer"] <= MOST_ERRORS[model], found
        return told(found)

    def _refusal(self, run: Run, place: str) -> str:
        """The one sentence with which a container that cannot start ends."""
        with self._started(run) as container:
            code = container.wait(REFUSAL_SECONDS)
        said = container.log.read_text()
        assert code == 2, f"exit code {code}: {said}"
        [sentence] = [line for line in said.splitlines() if line.startswith("longform: ")]
        assert place in said, said
        assert "Traceback" not in said, said
        return sentence.removeprefix("longform: ")

    @contextmanager
    def _serving(
        self,
        model: str,
        data: Path | None = None,
        models: Path | None = None,
        user: str = "",
        keeps_models: bool = False,
    ) -> Iterator[tuple[Container, float]]:
        """A container whose service is ready, and after how many seconds it was."""
        run = self._run(model, data or self._volume(), models or self._volume(), user, keeps_models)
        with self._ready(run) as found:
            yield found

    @contextmanager
    def _ready(self, run: Run) -> Iterator[tuple[Container, float]]:
        start = time.monotonic()
        with self._started(run) as container:
            while not container.has_started or ask(container, "ready") is None:
                assert not container.has_ended, container.log.read_text()[-2000:]
                assert time.monotonic() - start < READY_SECONDS, "it never became ready"
                time.sleep(POLL_SECONDS)
            yield container, time.monotonic() - start

    @contextmanager
    def _started(self, run: Run, *arguments: str) -> Iterator[Container]:
        log = self._folder / f"log-{next(self._numbers)}"
        container = Container(self._image, run, log, arguments)
        try:
            yield container
        finally:
            container.remove()

    def _run(
        self,
        model: str,
        data: Path,
        models: Path | None = None,
        user: str = "",
        keeps_models: bool = False,
    ) -> Run:
        settings = {"LONGFORM_MODEL": model, "LONGFORM_ALLOW_ANONYMOUS_NETWORK": "true"}
        models = models or self._volume()
        return Run(data, models, self._checks, user, settings, models_read_only=keeps_models)

    def _volume(self, owner: str = "10001:10001", mode: int = 0o700) -> Path:
        folder = self._folder / f"volume-{next(self._numbers)}"
        folder.mkdir()
        os.chown(folder, *map(int, owner.split(":")))
        folder.chmod(mode)
        return folder

    def _what_checks_bring(self) -> Path:
        brought = self._folder / "checks"
        brought.mkdir()
        recordings = ROOT / "benchmarks" / "recordings"
        for file in (Path(__file__).with_name("client.py"), *recordings.iterdir()):
            shutil.copy(file, brought)
        brought.chmod(0o755)
        return brought


def ask(container: Container, what: str, *arguments: str) -> Any:
    """The answer of client.py."""
    command = ("python", "/tmp/checks/client.py", what, *arguments)
    answer = container.execute(*command, seconds=ANSWER_SECONDS)
    assert answer.returncode == 0, (answer.stderr + container.log.read_text())[-2000:]
    return json.loads(answer.stdout)


def told(found: dict[str, Any]) -> str:
    return f"WER {100 * found['wer']:.1f} % of {found['words']} words"

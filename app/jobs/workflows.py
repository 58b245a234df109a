"""Durable execution: the only file that speaks to DBOS.

A job is one workflow whose id is the job's. DBOS finds workflows that a crash interrupted, starts
them again, and answers finished steps from its history. What a workflow does is not known here.

Traps that this file steps around: the version is pinned to the number of the step scheme (by
default it is a hash of the code, and an update strands running jobs); the executor id is stable
(else nobody recovers); values are JSON (the default is pickle); SQLite gets an engine with WAL.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, error

from app.jobs.checkpoints import Interrupted, Step
from app.jobs.obstacles import obstacle_of
from app.storage.tables import open_engine
from decoding.errors import EngineFailed, PoisonClip

# Raise it when the order or meaning of steps changes: jobs of the old scheme then start over.
STEP_SCHEME = "3"
UNDER_WAY = ("PENDING", "ENQUEUED")
SUCCESS = "SUCCESS"
FIRST_PAUSE_SECONDS = 0.5
EXECUTOR = "executor"

log = logging.getLogger(__name__)
Body = Callable[[str], str]
Result = TypeVar("Result")


class Workflows:
    """DBOS, started and stopped with the service. One at a time in a process: DBOS is global."""

    _only_one = threading.Lock()

    def __init__(self, url: str, executor: str, step_attempts: int) -> None:
        if not self._only_one.acquire(blocking=False):
            raise RuntimeError("a service runs in this process already")
        self.executor = executor
        self._attempts = step_attempts
        self._engine = open_engine(url)
        config: DBOSConfig = {
            "name": "longform",
            "system_database_url": self._engine.url.render_as_string(hide_password=False),
            "system_database_engine": self._engine,
            "application_version": STEP_SCHEME,
            "executor_id": executor,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "ERROR",
        }
        DBOS(config=config)
        _log_as_all_do()
        self._is_stopping = threading.Event()
        self._bodies: dict[str, Callable[[str], str]] = {}

    def register(self, name: str, body: Body) -> None:
        """Make `body(argument)` a workflow called `name`; before `launch`."""

        def run(argument: str) -> str:  # DBOS marks what it registers, and a method takes no marks
            return body(argument)

        # A crash may cut a body off any number of times; the body itself counts them.
        self._bodies[name] = DBOS.workflow(name=name, max_recovery_attempts=None)(run)

    def launch(self) -> None:
        """Start DBOS; workflows that a crash interrupted go on by themselves, and those of another
        scheme from their first step."""
        DBOS.launch()
        for left in DBOS.list_workflows(status=list(UNDER_WAY), executor_id=self.executor):
            if left.app_version != STEP_SCHEME and left.input is not None:
                (argument,) = left.input["args"]
                self.start_anew(left.name, left.workflow_id, argument)

    def start(self, name: str, workflow_id: str, argument: str) -> None:
        """Start a workflow, once: a known id is left alone."""

        def start() -> None:
            with SetWorkflowID(workflow_id):
                DBOS.start_workflow(self._bodies[name], argument)

        _outside(start)

    def start_anew(self, name: str, workflow_id: str, argument: str) -> None:
        """Start a workflow that has left this process, from its first step; its history is gone."""
        self.forget(workflow_id)
        self.start(name, workflow_id, argument)

    def is_under_way(self, workflow_id: str) -> bool:
        """Whether DBOS runs it, or will when it is launched."""
        return self.status_of(workflow_id) in UNDER_WAY

    def status_of(self, workflow_id: str) -> str | None:
        """What DBOS knows: PENDING, ENQUEUED, SUCCESS, ERROR …; None for an unknown id."""
        status = _outside(lambda: DBOS.get_workflow_status(workflow_id))
        return status.status if status else None

    def forget(self, *workflow_ids: str) -> None:
        """Remove workflows and their history."""
        _outside(lambda: DBOS.delete_workflows(list(workflow_ids)))

    def reserve(self) -> Step:
        """A step of the workflow that runs in this thread, at the next place of its history."""
        reservation = DBOS.reserve_step()

        def run(body: Callable[[], str]) -> str:
            try:
                return reservation.run(
                    {
                        "name": "step",
                        "retries_allowed": self._attempts > 1,
                        "max_attempts": self._attempts,
                        "interval_seconds": FIRST_PAUSE_SECONDS,
                        "should_retry": _may_succeed_next_time,
                    },
                    lambda: _unless_hindered(body),
                )
            except error.DBOSMaxStepRetriesExceeded as exhausted:
                raise exhausted.errors[-1] from exhausted
            except _Hindered as hindered:
                raise hindered.error from None

        return run

    def sleep(self, seconds: float) -> None:
        """Sleep inside a workflow; a restart goes on with the rest of it."""
        waking = float(self.reserve()(lambda: repr(time.time() + seconds)))
        if self._is_stopping.wait(max(waking - time.time(), 0.0)):
            raise Interrupted

    def close(self) -> None:
        """Stop. Workflows that still run stay pending and go on at the next launch."""
        self._is_stopping.set()
        DBOS.destroy(destroy_registry=True)
        self._engine.dispose()
        self._only_one.release()


def executor_of(folder: Path, name: str) -> str:
    """The name of this data folder's executor: made once, the same at every start."""
    known = known_executor(folder)
    if known is None:
        (folder / EXECUTOR).write_text(name, encoding="utf-8")
    return known or name


def known_executor(folder: Path) -> str | None:
    """The name of this data folder's executor, if it has one."""
    path = folder / EXECUTOR
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def workflow_id(job_id: str, generation: int = 0) -> str:
    """The workflow that does a job: the history of an earlier generation is never written on."""
    return f"{job_id}.{generation}" if generation else job_id


def job_of(workflow: str) -> tuple[str, int]:
    """The job that a workflow does, and its generation."""
    job_id, _, generation = workflow.partition(".")
    return job_id, int(generation or 0)


def webhook_id(job_id: str, generation: int = 0) -> str:
    """The workflow that tells of a job's end."""
    return f"hook_{workflow_id(job_id, generation)}"


def _outside(call: Callable[[], Result]) -> Result:
    """What `call` gives in a context of its own: asked inside a workflow, DBOS would take it for
    a step of that one, and fail where the history says another."""
    return contextvars.Context().run(call)


def _log_as_all_do() -> None:
    """DBOS prints by itself, errors with all their words; through our logs instead."""
    logger = logging.getLogger("dbos")
    for handler in tuple(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True


class _Hindered(BaseException):
    """A step met what passes by itself: DBOS must not take that for the step's outcome."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _unless_hindered(body: Callable[[], str]) -> str:
    try:
        return body()
    except Exception as error:
        if obstacle_of(error) is None:
            raise
        raise _Hindered(error) from error


def _may_succeed_next_time(failure: BaseException) -> bool:
    return isinstance(failure, EngineFailed) and not isinstance(failure, PoisonClip)

"""The run on a cluster: lines flow through Ray Data to actors that hold an engine each.

The plan, the index and what is asked for again stay here; Ray tries nothing twice. Lines of an
actor that died come back without an answer and go out once more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bulk.cluster_actor import (
    ENTRY,
    IS_NEW,
    LINE,
    STOPPED,
    ActorWork,
    TranscribingActor,
    packed,
)
from bulk.entries import entry_in
from bulk.index import Index
from bulk.manifest import Line
from bulk.progress import Progress
from bulk.transcribing import RunStopped
from decoding.cluster.connection import Connection
from decoding.cluster.deployment import Scaling

PART_LINES = 20_000  # that Ray is given at a time
FRUITLESS_ROUNDS = 3  # in which no line of a part was answered, before the run stops
ACTOR_RESTARTS = 3

log = logging.getLogger(__name__)


@dataclass(eq=False)
class ClusterRun:
    """One run over lines that are to do, on the cluster of `connection`.

    `scaling` says how many actors, between `least` and `most`, and what each has.
    """

    connection: Connection
    scaling: Scaling
    work: ActorWork
    index: Index
    progress: Progress

    def run(self, lines: Iterable[Line]) -> None:
        """Return when every line is in the index.

        Raises `RunStopped`, and what joining raises; then, and when it is interrupted, what was
        finished is in the index, and the rest is to do.
        """
        self.connection.join()
        lines = iter(lines)
        while part := {line.number: line for line in islice(lines, PART_LINES)}:
            self._carry_out(part)

    def _carry_out(self, left: dict[int, Line]) -> None:
        fruitless = 0
        while left:
            before = len(left)
            try:
                for row in self._rows(left.values()):
                    self._take(row)
                    left.pop(int(row[LINE]), None)
            except RunStopped:
                raise
            except Exception as error:  # noqa: BLE001 - Ray's, when all of its actors are gone
                log.error("the cluster failed: %s", error)
            fruitless = fruitless + 1 if len(left) == before else 0
            if fruitless == FRUITLESS_ROUNDS:
                raise RunStopped("the cluster answers nothing any more")
            if left:
                log.warning("%d recordings came back unanswered and go out again", len(left))

    def _take(self, row: dict[str, Any]) -> None:
        if row[STOPPED]:
            raise RunStopped(str(row[STOPPED]))
        entry = entry_in(str(row[ENTRY]).encode())
        assert entry is not None, "an actor's entry is whole"
        self.index.add(entry)
        self.progress.ended(entry, is_new=bool(row[IS_NEW]))

    def _rows(self, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
        import ray.data

        context = ray.data.DataContext.get_current()
        context.max_errored_blocks = -1  # those of dead actors; their lines go out again
        context.enable_progress_bars = False
        packed_lines = [packed(line) for line in lines]
        at_once, scaling = self.work.at_once, self.scaling
        actors = ray.data.ActorPoolStrategy(
            min_size=scaling.least,
            max_size=scaling.most,
            max_tasks_in_flight_per_actor=2 * at_once,
            max_concurrent_calls_per_actor=at_once,
        )
        asked = ray.data.from_items(packed_lines, override_num_blocks=len(packed_lines))
        answered = asked.map_batches(
            TranscribingActor,
            fn_constructor_args=(self.work,),
            batch_size=None,
            batch_format="numpy",
            compute=actors,
            num_gpus=scaling.gpus,
            num_cpus=scaling.cpus,
            max_restarts=ACTOR_RESTARTS,
            max_task_retries=0,
        )
        yield from answered.iter_rows()

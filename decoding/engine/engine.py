"""The engine: one thread that owns the device and decodes the clips of everybody together.

It waits, admits, steps and delivers; how clips are decoded is `Batch`'s business.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import torch

from decoding.engine.batch import Batch, Outcome
from decoding.engine.memory import release_cached, slots_for, used_bytes
from decoding.engine.scheduler import Scheduler
from decoding.errors import EngineFailed
from decoding.kernels.openmp import end_pool
from decoding.model.loaded_model import LoadedModel
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 1024
SLOTLESS_AT_ONCE = 16  # clips between two steps in which only speech is looked for


@dataclass(frozen=True, slots=True, eq=False)
class _Submission:
    """A clip and whoever waits for it."""

    clip: Clip
    options: DecodingOptions
    future: Future[Decoded] = field(default_factory=Future)

    @property
    def needs_slot(self) -> bool:
        return self.options.needs_slot


class Engine:
    """A `Decoder` on one device of this process.

    `slots`: windows decoded at once; `threads`: CPU threads of the device's thread, the machine's
    when None; `queue_limit`: clips that may wait for a slot, and as many that need none.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        slots: int | None = None,
        threads: int | None = None,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        self._model = model
        self._threads = threads
        self._slots = slots or slots_for(model)
        self._wake = threading.Condition()
        self._waiting: Scheduler[_Submission] = Scheduler(queue_limit)
        self._in_flight: list[_Submission] = []
        self._is_closing = False
        self._failure: BaseException | None = None
        self._counted = EngineStatistics()
        self._steps = 0
        self._batch: Batch[_Submission] = Batch(model, self._slots)
        self._thread = threading.Thread(target=self._run, name="decoding-engine", daemon=True)
        end_pool()  # ours, from loading the model
        self._thread.start()

    @property
    def model(self) -> ModelCard:
        return self._model.card

    @property
    def is_alive(self) -> bool:
        """Whether clips are taken: until it is closed, or its device is lost for good."""
        return not self._is_closing and self._failure is None

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        """Queue one clip. Raises `QueueFull`, `UnsupportedOption`, `EngineFailed` when closed."""
        self._model.vocabulary.check(options)
        entry = _Submission(clip, options)
        with self._wake:
            if not self.is_alive:
                state = "closed" if self._failure is None else "lost"
                raise EngineFailed(f"the engine is {state}") from self._failure
            self._waiting.put(clip, entry, needs_slot=entry.needs_slot)
            self._wake.notify()
        return entry.future

    def cancel(self, group: str) -> None:
        with self._wake:
            entries = list(self._waiting.remove(group))
            entries += [entry for entry in self._in_flight if entry.clip.group == group]
        for entry in entries:  # outside the lock: callbacks run here
            entry.future.cancel()

    def statistics(self) -> EngineStatistics:
        with self._wake:
            return replace(
                self._counted,
                slots=self._slots,
                slots_in_use=min(self._slots, sum(entry.needs_slot for entry in self._in_flight)),
                queued=len(self._waiting),
                device_memory_bytes=used_bytes(self._model.device),
                steps=self._steps,
            )

    def close(self) -> None:
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the device's thread ----------------------------------------------------------------

    def _run(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                while self._has_work():
                    try:
                        self._turn()
                    except Exception as error:  # noqa: BLE001 - the outermost loop
                        self._recover(error)
                    self._steps += 1
        finally:  # whatever happens: nobody may wait for a thread that is gone
            self._cancel_all()

    def _has_work(self) -> bool:
        """Wait for something to do. False: the engine closes."""
        with self._wake:
            self._wake.wait_for(lambda: self._is_closing or self._waiting or self._in_flight)
            return not self._is_closing and self._failure is None

    def _turn(self) -> None:
        """Drop the cancelled, admit the next, take one step, deliver."""
        self._batch.drop(lambda entry: entry.future.cancelled())
        with self._wake:
            requests = self._take(self._batch.admissible)
            self._in_flight = self._batch.keys() + requests
        outcomes = self._batch.admit([(entry, entry.clip, entry.options) for entry in requests])
        outcomes += self._batch.step()
        if outcomes:
            self._deliver(outcomes)

    def _take(self, count: int) -> list[_Submission]:
        """Up to `count` for slots, and those that need none."""
        slotless = self._waiting.take_slotless(SLOTLESS_AT_ONCE)
        taken: list[_Submission] = []
        while len(taken) < count:
            following = self._waiting.take()
            if following is None:
                break
            if not following[1].future.cancelled():
                taken.append(following[1])
        return taken + [entry for entry in slotless if not entry.future.cancelled()]

    def _deliver(self, outcomes: list[Outcome[_Submission]]) -> None:
        done = {outcome.key for outcome in outcomes}
        with self._wake:
            self._in_flight = [entry for entry in self._in_flight if entry not in done]
            self._counted = _counting(self._counted, outcomes)
        for outcome in outcomes:
            _settle(outcome.key.future, outcome.result)

    def _recover(self, error: Exception) -> None:
        """Requeue or fail what was in flight; go on empty if the device still answers."""
        if isinstance(error, torch.OutOfMemoryError) and self._slots > 1:
            self._shrink()
            return
        logger.exception("decoding failed on %s", self._model.device)
        failure = EngineFailed(f"decoding failed on {self._model.device}: {error}")
        failure.__cause__ = error
        answers = _answers(self._model.device)  # a lost device cannot even make an empty batch
        batch = Batch[_Submission](self._model, self._slots) if answers else None
        with self._wake:
            lost, self._in_flight = self._in_flight, []
            if batch is None:
                self._failure = failure
                lost += list(self._waiting.remove_all())
            else:
                self._batch = batch
        for entry in lost:
            _settle(entry.future, failure)

    def _shrink(self) -> None:
        """Go on with half the slots; the windows in flight start again."""
        with self._wake:
            self._slots //= 2
            logger.warning("out of memory on %s: %d slots left", self._model.device, self._slots)
            self._batch = Batch(self._model, self._slots)
            lost, self._in_flight = self._in_flight, []
            for entry in reversed(lost):
                self._waiting.put_back(entry.clip, entry, needs_slot=entry.needs_slot)
        release_cached(self._model.device)

    def _cancel_all(self) -> None:
        with self._wake:
            self._is_closing = True
            entries = self._in_flight + list(self._waiting.remove_all())
            self._in_flight = []
        for entry in entries:
            entry.future.cancel()


def _counting(counted: EngineStatistics, outcomes: list[Outcome[_Submission]]) -> EngineStatistics:
    """The counters after these outcomes; where only speech was looked for, nothing was decoded."""
    outcomes = [one for one in outcomes if one.key.needs_slot]
    results = [one.result for one in outcomes if isinstance(one.result, Decoded)]
    return replace(
        counted,
        windows_decoded=counted.windows_decoded + len(results),
        windows_retried=counted.windows_retried + sum(len(one.attempts) > 1 for one in results),
        tokens_decoded=counted.tokens_decoded + sum(len(one.tokens) for one in results),
        audio_seconds=counted.audio_seconds + sum(one.key.clip.seconds for one in outcomes),
    )


def _settle(future: Future[Decoded], result: Decoded | Exception) -> None:
    """Give the future its result unless it was cancelled meanwhile."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _answers(device: torch.device) -> bool:
    """Whether the device still computes; a sticky error makes every operation fail."""
    try:
        return bool(torch.ones(1, device=device).sum().item() == 1)
    except RuntimeError:
        return False

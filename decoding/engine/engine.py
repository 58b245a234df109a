"""The engine: one thread that owns the device and decodes the clips of everybody together.

It waits, admits, steps and delivers; how clips are decoded is `Batch`'s business.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import replace

import torch

from decoding.device.processors import usable_processors
from decoding.engine.batch import Batch
from decoding.engine.memory import release_cached, used_bytes
from decoding.engine.scheduler import Scheduler
from decoding.engine.slot_choice import choose_slots
from decoding.engine.window_request import WindowRequest
from decoding.errors import EngineFailed
from decoding.kernels.openmp import end_pool
from decoding.model.loaded_model import LoadedModel
from decoding.types import Clip, Decoded, DecodingOptions, EngineStatistics, ModelCard

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 1024
SLOTLESS_AT_ONCE = 16  # clips between two steps in which only speech is looked for


class Engine:
    """A `Decoder` on one device of this process.

    `slots`: windows decoded at once; `threads`: CPU threads of the device's thread, None: those
    that PyTorch would take and no more than are usable here; `queue_limit`: clips that may wait for
    a slot, and as many that need none.
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
        self._slots = slots or _chosen(model)
        self._wake = threading.Condition()
        self._waiting = Scheduler(queue_limit)
        self._in_flight: list[WindowRequest] = []
        self._is_closing = False
        self._failure: BaseException | None = None
        self._counted = EngineStatistics()
        self._steps = 0
        self._batch = Batch(model, self._slots)
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
        request = WindowRequest(clip, options)
        with self._wake:
            if not self.is_alive:
                state = "closed" if self._failure is None else "lost"
                raise EngineFailed(f"the engine is {state}") from self._failure
            self._waiting.put(request)
            self._wake.notify()
        return request.future

    def cancel(self, group: str) -> None:
        with self._wake:
            requests = list(self._waiting.remove(group))
            requests += [one for one in self._in_flight if one.clip.group == group]
        for one in requests:  # outside the lock: callbacks run here
            one.future.cancel()

    def statistics(self) -> EngineStatistics:
        with self._wake:
            return replace(
                self._counted,
                slots=self._slots,
                slots_in_use=min(self._slots, sum(one.needs_slot for one in self._in_flight)),
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
        threads = self._threads or min(torch.get_num_threads(), usable_processors())
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)
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
        self._batch.drop_cancelled()
        with self._wake:
            requests = self._take(self._batch.admissible)
            self._in_flight = self._batch.in_flight + requests
        finished = self._batch.admit(requests)
        finished += self._batch.step()
        if finished:
            self._deliver(finished)

    def _take(self, count: int) -> list[WindowRequest]:
        """Up to `count` for slots, and those that need none."""
        slotless = self._waiting.take_slotless(SLOTLESS_AT_ONCE)
        taken: list[WindowRequest] = []
        while len(taken) < count and (following := self._waiting.take()) is not None:
            if not following.future.cancelled():
                taken.append(following)
        return taken + [one for one in slotless if not one.future.cancelled()]

    def _deliver(self, finished: list[WindowRequest]) -> None:
        with self._wake:
            self._in_flight = self._batch.in_flight
            self._counted = _counting(self._counted, finished)
        for one in finished:
            _settle(one)

    def _recover(self, error: Exception) -> None:
        """Requeue or fail what was in flight; go on empty if the device still answers."""
        if isinstance(error, torch.OutOfMemoryError) and self._slots > 1:
            self._shrink()
            return
        logger.exception("decoding failed on %s", self._model.device)
        failure = EngineFailed(f"decoding failed on {self._model.device}: {error}")
        failure.__cause__ = error
        answers = _answers(self._model.device)  # a lost device cannot even make an empty batch
        batch = Batch(self._model, self._slots) if answers else None
        with self._wake:
            lost, self._in_flight = self._in_flight, []
            if batch is None:
                self._failure = failure
                lost += list(self._waiting.remove_all())
            else:
                self._batch = batch
        for one in lost:
            one.finish(failure)
            _settle(one)

    def _shrink(self) -> None:
        """Go on with half the slots; the windows in flight start again."""
        with self._wake:
            self._slots //= 2
            logger.warning("out of memory on %s: %d slots left", self._model.device, self._slots)
            self._batch = Batch(self._model, self._slots)
            again = [one.anew() for one in self._in_flight]
            self._in_flight = []
            for one in reversed(again):
                self._waiting.put_back(one)
        release_cached(self._model.device)

    def _cancel_all(self) -> None:
        with self._wake:
            self._is_closing = True
            requests = self._in_flight + list(self._waiting.remove_all())
            self._in_flight = []
        for one in requests:
            one.future.cancel()


def _chosen(model: LoadedModel) -> int:
    choice = choose_slots(model)
    logger.info(choice.reason)
    return choice.slots


def _counting(counted: EngineStatistics, finished: list[WindowRequest]) -> EngineStatistics:
    """The counters after these; where only speech was looked for, nothing was decoded."""
    finished = [one for one in finished if one.needs_slot]
    results = [one.result for one in finished if isinstance(one.result, Decoded)]
    return replace(
        counted,
        windows_decoded=counted.windows_decoded + len(results),
        windows_retried=counted.windows_retried + sum(len(one.attempts) > 1 for one in results),
        tokens_decoded=counted.tokens_decoded + sum(len(one.tokens) for one in results),
        audio_seconds=counted.audio_seconds + sum(one.clip.seconds for one in finished),
    )


def _settle(request: WindowRequest) -> None:
    """Give the future of a finished window its result unless it was cancelled meanwhile."""
    future, result = request.future, request.result
    if not future.set_running_or_notify_cancel():
        return
    assert result is not None, f"a window in {request.phase} is not finished"
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

"""The training run: batches in, checkpoints and a learning curve out. Stops, resumes and pauses.

By hours of audio a run follows from its seed alone; by minutes it depends on the machine's speed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from training.curve import CurveLog
from training.export import export_weights, read_checkpoint, start_from
from training.labels import PhonemeTable
from training.losses import LossWeights, losses
from training.network import Shape, TrainedWhisper
from training.optimiser import Average, Optimiser, Rate
from training.precision import autocast
from training.stream import Stream, StreamOptions, lengths_at
from training.synthesis import fresh_synthesiser
from training.vocabulary import vocabulary

STATE_FILE = "state.pt"
EXPORT_FILE = "demo.pt"
CURVE_FILE = "curve.jsonl"
PAUSE_FILE = "PAUSE"  # while it exists in the run's folder or the one above, the run sleeps
PAUSE_POLL_SECONDS = 1.0
SECONDS_PER_HOUR = 3_600.0
HEADS_ONLY_STEPS = 60  # at the start from a checkpoint, whose aids' heads are not stored
LOG_EVERY = 20  # steps


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`hours_of_audio` to hear; with `minutes`, whichever ends first. `init`: a checkpoint to
    start from. `save_every` and `minutes` count seconds and minutes of work, pauses left out."""

    folder: Path
    hours_of_audio: float
    minutes: float | None = None
    init: Path | None = None
    seed: int = 0
    device: str = "cpu"
    save_every: float = 150.0
    shape: Shape = field(default_factory=Shape)
    rate: Rate = field(default_factory=Rate)
    weights: LossWeights = field(default_factory=LossWeights)
    stream: StreamOptions = field(default_factory=StreamOptions)

    def __post_init__(self) -> None:
        if not self.hours_of_audio > 0 or (self.minutes is not None and not self.minutes > 0):
            raise ValueError(f"a run has hours and minutes above 0, got {self}")


@dataclass(slots=True)
class Position:
    """How far a run has come: steps, seconds of audio heard, seconds of work."""

    step: int = 0
    audio: float = 0.0
    worked: float = 0.0


class Run:
    """One training run in its folder; made anew it goes on where its last checkpoint stands."""

    def __init__(self, options: RunOptions) -> None:
        torch.manual_seed(options.seed)
        self._options = options
        self._vocabulary = vocabulary()
        self._device = torch.device(options.device)
        self._model = TrainedWhisper(options.shape, self._vocabulary)
        if options.init is not None:
            start_from(self._model, read_checkpoint(options.init), self._vocabulary)
        self._model.to(self._device)
        self._optimiser = Optimiser(self._model)
        self._average = Average(self._model)
        self._table = PhonemeTable()
        self._position = Position()
        self._log = CurveLog(options.folder / CURVE_FILE)
        if (options.folder / STATE_FILE).exists():
            self._restore(torch.load(options.folder / STATE_FILE, weights_only=True))

    @property
    def progress(self) -> float:
        """The share of the run that is done, 0 to 1."""
        by_audio = self._position.audio / (self._options.hours_of_audio * SECONDS_PER_HOUR)
        minutes = self._options.minutes
        by_time = 0.0 if minutes is None else self._position.worked / (60.0 * minutes)
        return min(1.0, max(by_audio, by_time))

    def train(self, report: Callable[[dict[str, float]], None]) -> Path:
        """Train to the end; `report` hears every line of the curve. Returns the exported file."""
        with ExitStack() as stack:
            synthesiser = stack.enter_context(fresh_synthesiser())
            seed = self._options.seed + self._position.step  # a resumed run hears new sentences
            options = replace(self._options.stream, seed=seed)
            stream = Stream(options, self._vocabulary, self._table, synthesiser)
            saved_at = self._position.worked
            while self.progress < 1.0:
                self._wait_while_paused()
                started = time.monotonic()
                self._step(stream)
                self._position.worked += time.monotonic() - started
                if self._position.step % LOG_EVERY == 0:
                    report(self._log.write(self._where()))
                if self._position.worked - saved_at > self._options.save_every:
                    saved_at = self._position.worked
                    self.save()
        return self.save()

    def _step(self, stream: Stream) -> None:
        position, options = self._position, self._options
        is_fresh = options.init is None
        batch = stream.batch(lengths_at(self.progress, is_fresh=is_fresh)).to(self._device)
        heads_only = not is_fresh and position.step < HEADS_ONLY_STEPS
        with autocast(self._device):
            result = losses(
                self._model,
                batch,
                self._vocabulary,
                options.weights,
                stride_start=position.step % 4,
                heads_only=heads_only,
            )
        rate = options.rate.at(position.step, self.progress)
        length = self._optimiser.step(result.total, rate)
        self._average.update(self._model, position.step)
        position.step += 1
        position.audio += batch.mel.shape[0] * batch.mel.shape[2] / 100
        self._log.note({**result.shown, "gradient": length})

    def save(self) -> Path:
        """Write the state to go on from, and the averaged weights in compact form."""
        folder = self._options.folder
        state = {
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state(),
            "average": self._average.weights,
            "phonemes": list(self._table.names),
            "position": [self._position.step, self._position.audio, self._position.worked],
        }
        _write(state, folder / STATE_FILE)
        weights = {name: value.cpu() for name, value in self._average.weights.items()}
        exported = export_weights(weights, self._options.shape, self._vocabulary)
        _write(exported, folder / EXPORT_FILE)
        return folder / EXPORT_FILE

    def _restore(self, state: dict[str, Any]) -> None:
        self._model.load_state_dict(state["model"])
        self._optimiser.restore(state["optimiser"])
        self._average.weights = {k: v.to(self._device) for k, v in state["average"].items()}
        self._table = PhonemeTable(state["phonemes"])
        step, audio, worked = state["position"]
        self._position = Position(int(step), float(audio), float(worked))
        self._log.rewind(self._position.step)

    def _where(self) -> dict[str, float]:
        position = self._position
        return {
            "step": position.step,
            "audio_hours": position.audio / SECONDS_PER_HOUR,
            "minutes": position.worked / 60,
            "progress": self.progress,
            "rate": self._options.rate.at(position.step, self.progress),
        }

    def _wait_while_paused(self) -> None:
        folder = self._options.folder
        while any((place / PAUSE_FILE).exists() for place in (folder, folder.parent)):
            time.sleep(PAUSE_POLL_SECONDS)


def _write(value: dict[str, Any], path: Path) -> None:
    """Save `value` so that a crash leaves the old file or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    os.replace(partial, path)

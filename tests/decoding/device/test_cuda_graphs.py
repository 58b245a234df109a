"""Steps that are recorded and replayed: the same as plain ones, bit for bit.

Operations are recorded on the CPU and done again in the order in which they came, with the slots,
the runner and the body that CUDA graphs are made of. Only the graphs themselves need a device.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch

from decoding.device.cuda_graphs import (
    PlainRunner,
    RecordingRunner,
    Runner,
    StepShape,
    runner_for,
)
from decoding.engine.prefill import Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.kernels import beam_attention, logsumexp
from decoding.kernels.panel_linear import PanelLinear
from decoding.loading.loader import load_model
from decoding.search.state import Plan
from decoding.types import Clip, DecodingOptions
from tests.decoding.decoding_alone import decode
from tests.decoding.engine.test_batch import ONCE
from tests.decoding.noise import noise
from tests.decoding.operations import NotReplayable, OperationRecorder
from tests.decoding.small_models import random_model, save

MIXED = [
    DecodingOptions(**ONCE),
    DecodingOptions(prompt="the harbour", beam_size=4, **ONCE),
    DecodingOptions(beam_size=1, **ONCE),
    DecodingOptions(without_timestamps=True, patience=2.0, **ONCE),
    DecodingOptions(language="hi", temperatures=(0.4,), sample_len=9),
    DecodingOptions(temperatures=(0.0, 0.6), logprob_threshold=-0.01, no_speech_threshold=2.0),
    DecodingOptions(sample_len=7, suppress_tokens=(), task="translate", **ONCE),
    DecodingOptions(hotwords="station", **ONCE),
]


@pytest.fixture
def dispatched(monkeypatch):
    """Everything goes through PyTorch's operations: the compiled loops of the CPU cannot be seen.

    The plain run that a recorded one is compared with is made the same way.
    """
    scan = logsumexp.block_maxima_and_logsumexp

    def scan_by_operations(logits, length):
        largest, total = scan(logits.double(), length)
        return largest.float(), total.float()

    def multiply_by_operations(linear, x):
        weight = linear._panels.mT.reshape(-1, x.shape[-1]).double()
        product = torch.nn.functional.linear(x.double(), weight, linear._bias.double())
        return product[..., : linear._outputs].float()

    monkeypatch.setattr(PanelLinear, "__call__", multiply_by_operations)
    monkeypatch.setattr(beam_attention, "supports", lambda query, positions: False)
    monkeypatch.setattr(
        "decoding.search.logit_rules.block_maxima_and_logsumexp", scan_by_operations
    )


@pytest.fixture
def short(monkeypatch):
    """A group of slots that begins with little memory, so that its text grows too."""
    monkeypatch.setattr("decoding.engine.slots.FIRST_POSITIONS", 128)


class PlainPrefill(PlainRunner):
    """Calls the body with the shapes that are recorded: padding changes the last bits."""

    replays = True
    _rounding = RecordingRunner(OperationRecorder())

    def parts(self, windows: int) -> Sequence[int]:
        return self._rounding.parts(windows)

    def length(self, tokens: int, most: int) -> int:
        return self._rounding.length(tokens, most)


# -- whole batches ------------------------------------------------------------------------------


def complaints_of_decoding(caplog):
    """Its own: threads of other tests may still end."""
    return [record for record in caplog.records if record.name.startswith("decoding")]


@pytest.mark.usefixtures("dispatched", "short")
@pytest.mark.parametrize("slots", [pytest.param(8, marks=pytest.mark.slow), 3])
def test_recorded_windows_are_the_plain_ones(small, monkeypatch, caplog, slots):
    """Beam sizes, budgets, retries and samples mixed; three at a time with refills, too."""
    jobs = [(at, noise(at, 10 + at), options) for at, options in enumerate(MIXED)]
    with monkeypatch.context() as padded:
        for module in ("prefill", "word_timing"):
            padded.setattr(f"decoding.engine.{module}.runner_for", lambda *_, **__: PlainPrefill())
        plain = decode(small, jobs, slots)
    recorders = []

    def recording(*_args, **_kwargs):
        recorders.append(OperationRecorder())
        return RecordingRunner(recorders[-1])

    for module in ("slots", "prefill", "word_timing"):
        monkeypatch.setattr(f"decoding.engine.{module}.runner_for", recording)
    recorded = decode(small, jobs, slots)
    assert {key for key in plain if recorded[key] != plain[key]} == set()
    assert sum(one.replays for one in recorders) > sum(one.recordings for one in recorders) >= 3
    assert any(one.forgotten for one in recorders)
    assert complaints_of_decoding(caplog) == []


# -- slots, step by step ------------------------------------------------------------------------

WIDTH = 5
CAPACITY = 6


@dataclass(frozen=True, slots=True)
class PreparedWindow:
    clip: Clip
    options: DecodingOptions
    length: int  # of its prompt

    def plan(self, rng: np.random.Generator, text_context: int) -> Plan:
        """A search for the window, of any size; a few sample."""
        room = text_context - self.length + 1
        budget, beams = int(rng.integers(2, room)), int(rng.integers(1, WIDTH + 1))
        is_sampling = rng.random() < 0.03
        uniforms = torch.from_numpy(rng.random((budget, beams))) if is_sampling else None
        temperature = 0.7 if is_sampling else 0.0
        has_timestamps = bool(rng.random() < 0.8)
        return Plan(beams, beams, min(budget, 9), temperature, has_timestamps, uniforms)


def window_requests(model) -> list[PreparedWindow]:
    """Windows whose prompts differ in length, of which every third suppresses what others say."""
    found = []
    for at in range(6):
        some = () if at % 3 == 0 else tuple(range(100, 9000))
        prompt = "one two three " * at
        options = DecodingOptions(prompt=prompt, language="en", suppress_tokens=some)
        length = len(model.vocabulary.prompt(options, "en").tokens)
        found.append(PreparedWindow(noise(at, 5), options, length))
    return found


class Group:
    """Slots, and what prefills windows for them."""

    def __init__(self, model, runner: Runner, prefill_runner: Runner, room: int = 1) -> None:
        self.slots = SlotGroup(model, WIDTH, CAPACITY, room=room, runner=runner)
        self._prefiller = Prefiller(model, CAPACITY, prefill_runner)

    def enter(self, windows: Sequence[tuple[PreparedWindow, Plan]]) -> None:
        requests = [WindowRequest(one.clip, one.options) for one, _ in windows]
        places = [self.slots.reserve() for _ in requests]
        self._prefiller.prompt(self._prefiller.encode(requests, self.slots, places))
        plans = (plan for _, plan in windows)
        self.slots.enter(
            [(one.take_prefilled(), plan) for one, plan in zip(requests, plans, strict=True)]
        )


class Twins:
    """Slots whose steps are plain and others whose steps are recorded, treated the same."""

    def __init__(self, model, recorder: OperationRecorder, most: int) -> None:
        self._groups = [
            Group(model, PlainRunner(), PlainPrefill()),
            Group(model, RecordingRunner(recorder, most), RecordingRunner(recorder, most)),
        ]
        self.plain, self.recorded = (group.slots for group in self._groups)

    def enter(self, *windows: tuple[PreparedWindow, Plan]) -> None:
        for group in self._groups:
            group.enter(windows)

    def both(self, action: Callable[[SlotGroup], object]) -> None:
        action(self.plain)
        action(self.recorded)

    def assert_same(self) -> None:
        assert self.plain.done() == self.recorded.done()
        assert self.plain._slots.keys() == self.recorded._slots.keys()
        for at in self.plain._slots:
            ours, theirs = (
                group.memory.search.rows(at, at + 1) for group in (self.recorded, self.plain)
            )
            for field in fields(ours):
                mine, plain = getattr(ours, field.name), getattr(theirs, field.name)
                if field.name.startswith("finished"):  # the last column is waste
                    mine, plain = mine[:, :-1], plain[:, :-1]
                assert torch.equal(mine, plain), (at, field.name)


@pytest.mark.usefixtures("dispatched", "short")
@pytest.mark.parametrize(("seed", "most"), [(0, 64), (1, 2)])
def test_recorded_searches_are_the_plain_ones_at_every_step(small, seed, most):
    """Windows enter, are dropped, finish, go on though they are done, and begin again."""
    rng = np.random.default_rng(seed)
    recorder = OperationRecorder()
    twins = Twins(small, recorder, most)
    with torch.inference_mode():
        waiting = window_requests(small)
        running: dict[int, PreparedWindow] = {}
        for _ in range(60):
            room = CAPACITY - len(running)
            if room and (not running or rng.random() < 0.3):
                count = int(rng.integers(1, min(room, 3) + 1))
                chosen = [waiting[rng.integers(len(waiting))] for _ in range(count)]
                before = set(twins.plain._slots)
                twins.enter(*((one, one.plan(rng, small.dimensions.n_text_ctx)) for one in chosen))
                running |= zip(sorted(set(twins.plain._slots) - before), chosen, strict=True)
            twins.both(SlotGroup.step)
            twins.assert_same()
            leaving = [at for at in twins.plain.done() if rng.random() < 0.4]
            if rng.random() < 0.05:
                leaving = [int(rng.choice(list(running)))]  # dropped before it is done
            for at in leaving:
                if rng.random() < 0.3:
                    plan = running[at].plan(rng, small.dimensions.n_text_ctx)
                    twins.both(lambda slot_group, at=at, plan=plan: slot_group.restart(at, plan))
                    continue
                twins.both(lambda slot_group, at=at: slot_group.leave([at]))
                del running[at]
    assert recorder.replays > recorder.recordings > 3
    assert recorder.forgotten > 0


@pytest.mark.usefixtures("dispatched")
def test_a_slot_that_was_left_is_in_nobodys_way(small):
    """Its window had come further than those that go on ever look."""
    twins = Twins(small, OperationRecorder(), most=64)
    plan = Plan(WIDTH, WIDTH, 40, 0.0, has_timestamps=True)
    with torch.inference_mode():
        (one, *_) = window_requests(small)
        endless = replace(
            one, options=replace(one.options, suppress_tokens=(small.vocabulary.eot,))
        )
        twins.enter(*[(endless, plan)] * 4)
        for _ in range(30):
            twins.both(SlotGroup.step)
        twins.both(lambda slot_group: slot_group.leave([3]))
        for at in range(3):
            twins.both(lambda slot_group, at=at: slot_group.restart(at, plan))
        for _ in range(3):
            twins.both(SlotGroup.step)
            twins.assert_same()


@pytest.mark.usefixtures("dispatched")
def test_steps_in_which_a_window_samples_are_replayed_as_well(small):
    """And its first token; who else is there loses nothing by it."""
    recorder, rng = OperationRecorder(), np.random.default_rng(0)
    plan = Plan(WIDTH, WIDTH, 40, 0.0, has_timestamps=True)
    uniforms = torch.from_numpy(rng.random((40, WIDTH)))
    warm = replace(plan, temperature=0.7, uniforms=uniforms)
    with torch.inference_mode():
        one, other, *_ = window_requests(small)
        group = Group(small, RecordingRunner(recorder), PlainRunner(), room=CAPACITY)
        group.enter([(one, plan), (other, warm)])
        for _ in range(9):
            group.slots.step()
        assert (recorder.recordings, recorder.replays) == (1, 8)  # the first step is plain
        group.slots.restart(1, warm)
        group.slots.restart(1, warm)
        assert (recorder.recordings, recorder.replays) == (2, 9)


# -- what a device sees -------------------------------------------------------------------------


def test_a_step_takes_nothing_from_the_host(tmp_path):
    """On a device that holds no numbers, where a host's tensor among its own would be seen.

    Code that asks for the CPU takes the way that it takes on a graphics processor.
    """
    model = load_model(str(save(random_model(3), tmp_path / "small.pt")), device="meta")
    recorder, hearing = OperationRecorder(), OperationRecorder()
    plan = Plan(5, 5, 20, 0.0, has_timestamps=True)
    with torch.inference_mode():
        group = Group(model, RecordingRunner(recorder), RecordingRunner(hearing), CAPACITY)
        one, other, *_ = window_requests(model)
        for at, window in enumerate((one, other, other, one)):
            group.enter([(window, plan)])
            for _ in range(3):
                group.slots.step()
            assert hearing.recordings == (0, 0, 1, 2)[at]
    assert recorder.recordings == 4  # first tokens; one slot, two, and four
    assert recorder.replays == 3 + 2 + 2 + 5
    assert "aten.topk.default" in recorder.operations
    assert "aten._scaled_dot_product_attention_math.default" not in hearing.operations


ONES = np.ones(3, dtype=np.float32)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (lambda x: x.mul_(float(x[0])), "asks the device"),
        (lambda x: x.add_(1) if x.any() else None, "asks the device"),
        (lambda x: x.add_(x[x > 0].sum()), "depends on numbers"),
        (lambda x: x.index_put_((x > 0,), x[0]), "depends on numbers"),
        (lambda x: x.add_(x.nonzero().sum()), "depends on numbers"),
        (lambda x: x.add_(len(x.unique())), "depends on numbers"),
        (lambda x: x.add_(torch.tensor([1.0, 2.0, 3.0])), "from the host|no operation made"),
        (lambda x: x.__setitem__([0, 2], 1.0), "from the host|no operation made"),
        (lambda x: x.add_(torch.from_numpy(ONES)), "from the host|no operation made"),
    ],
)
def test_what_no_graph_can_hold_is_seen(body, reason):
    """The recorder of these tests can fail."""
    x = torch.tensor([1.0, 2.0, 3.0])
    with torch.inference_mode(), pytest.raises(NotReplayable, match=reason):
        OperationRecorder().record(lambda: body(x))


def test_a_recording_does_nothing_and_a_replay_does_all():
    x, total = torch.tensor([3.0, 1.0, 2.0]), torch.zeros(3)

    def body():
        total.add_(x.sort().values.view(3, 1)[:, 0] * 2)

    with torch.inference_mode():
        replay = OperationRecorder().record(body)
        assert total.tolist() == [0, 0, 0]
        replay()
        x.copy_(torch.tensor([30.0, 20.0, 10.0]))
        replay()
    assert total.tolist() == [22, 44, 66]


# -- the runner ---------------------------------------------------------------------------------

ONE, TWO = StepShape(1, 128, True, 0), StepShape(2, 128, True, 0)


class Diary:
    """A recorder, and a body, that write down what they were asked; `error` is for recordings."""

    def __init__(self, error: Exception | None = None) -> None:
        self.entries: list[str] = []
        self._error = error

    def record(self, body: Callable[[], None]) -> Callable[[], None]:
        self.entries.append("record")
        if self._error:
            raise self._error
        return lambda: self.entries.append("replay")

    def forget(self) -> None:
        self.entries.append("forget")

    def body(self, shape: StepShape) -> None:
        self.entries.append(f"plain {shape.slots}")


def run_all(diary: Diary, runner: RecordingRunner, shapes: list[StepShape]) -> list[str]:
    for shape in shapes:
        runner.run(shape, diary.body)
    return diary.entries


def test_the_first_step_is_plain_the_second_recorded():
    diary = Diary()
    entries = run_all(diary, RecordingRunner(diary), [ONE, TWO, ONE, ONE, TWO])
    assert entries == ["plain 1", "plain 2", "record", "replay", "replay", "record", "replay"]


def test_what_was_forgotten_is_recorded_anew():
    diary = Diary()
    runner = RecordingRunner(diary)
    run_all(diary, runner, [ONE, ONE])
    runner.forget()
    entries = run_all(diary, runner, [ONE, ONE])
    assert entries == ["plain 1", "record", "replay", "forget", "plain 1", "record", "replay"]


def test_too_many_recordings_are_dropped_together():
    diary = Diary()
    entries = run_all(diary, RecordingRunner(diary, most=1), [ONE, ONE, TWO, TWO, ONE])
    tail = ["forget", "record", "replay", "plain 1"]
    assert entries == ["plain 1", "record", "replay", "plain 2", *tail]


def test_a_recording_that_fails_is_told_once_and_the_step_is_taken_once(caplog):
    diary = Diary(RuntimeError("no graph here"))
    runner = RecordingRunner(diary)
    assert runner.slots(3, room=8) == 4
    with caplog.at_level(logging.WARNING):
        entries = run_all(diary, runner, [ONE, ONE, ONE, TWO, TWO])
    assert entries == ["plain 1", "record", "plain 1", "plain 1", "plain 2", "plain 2"]
    assert [record.getMessage() for record in caplog.records] == [
        "steps cannot be recorded; they run plainly from now on: no graph here"
    ]
    assert runner.slots(3, room=8) == 3


@pytest.mark.parametrize(
    ("running", "room", "slots"),
    [(1, 8, 1), (3, 8, 4), (5, 6, 6), (17, 64, 24), (49, 64, 64), (65, 512, 128), (300, 310, 310)],
)
def test_slots_are_rounded_up_to_what_there_is(running, room, slots):
    assert RecordingRunner(Diary()).slots(running, room) == slots


def test_the_processor_has_no_graphs():
    assert isinstance(runner_for(torch.device("cpu"), cuda_graphs=True), PlainRunner)
    assert isinstance(runner_for(torch.device("cuda"), cuda_graphs=False), PlainRunner)


# -- CUDA ---------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("slots", [8, 3])
def test_graphs_are_the_plain_steps(tmp_path, monkeypatch, caplog, slots):
    """fp32: the tokens are the same, through refills, retries and samples."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    path = str(save(random_model(3), tmp_path / "small.pt"))
    jobs = [(at, noise(at, 10 + at), options) for at, options in enumerate(MIXED)]
    plain, graphs = (
        decode(load_model(path, device="cuda", precision="fp32", cuda_graphs=given), jobs, slots)
        for given in (False, True)
    )
    for key, one in plain.items():
        assert graphs[key].tokens == one.tokens
        assert graphs[key].avg_logprob == pytest.approx(one.avg_logprob, abs=1e-4)
    assert complaints_of_decoding(caplog) == []  # not even that they could not be recorded

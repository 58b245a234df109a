"""Our network against the figures of NumPy, alone and in company, in an engine and beside."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
import torch

from decoding.engine.batch import Batch
from decoding.engine.engine import Engine
from decoding.engine.window_request import WindowRequest
from decoding.process.engine_process import EngineProcess
from decoding.types import Clip, DecodingOptions
from decoding.voice_activity import silero_network
from decoding.voice_activity.silero_network import VoiceActivity
from tests.decoding.fakes import engine_with_random_weights
from tests.decoding.noise import noise
from tests.decoding.voice_activity.sounds import ROUNDING, SOUNDS
from transcription.silero import speech_probabilities

TOLERANCE = 1e-4
EXACT = 1e-12  # of double precision, whose own rounding is some 1e-14 here
ASKING = DecodingOptions(task="voice_activity")
LONG = DecodingOptions(language="en", temperatures=(0.0,), beam_size=1)
RATE = 16_000


@pytest.fixture(scope="module")
def judge():
    torch.set_num_threads(1)
    return VoiceActivity(torch.device("cpu"))


@pytest.fixture(scope="module")
def exact_judge(judge):
    return VoiceActivity(torch.device("cpu"), torch.float64)


@pytest.fixture(scope="module")
def exact(exact_judge):
    """Each sound alone, in double precision."""
    return {name: exact_judge([samples])[0] for name, samples in SOUNDS.items()}


@pytest.mark.instructions
@pytest.mark.parametrize("name", SOUNDS)
def test_figures_are_those_of_numpy(judge, name):
    (ours,) = judge([SOUNDS[name]])
    theirs = speech_probabilities(SOUNDS[name])
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < TOLERANCE


def test_speech_is_told_from_silence(judge):
    """Without this the figures could agree because nothing is heard at all."""
    speech, silence = judge([SOUNDS["speech"], SOUNDS["silence"]])
    assert np.mean(speech > 0.5) > 0.5
    assert silence.max() < 0.1


@pytest.mark.instructions
@pytest.mark.parametrize("name", SOUNDS)
def test_single_precision_is_near_double(judge, exact, name):
    (alone,) = judge([SOUNDS[name]])
    assert alone.dtype == np.float32
    assert np.abs(alone - exact[name]).max() < ROUNDING


@pytest.mark.instructions
def test_company_does_not_matter(judge, exact_judge, exact):
    """In double precision the figures are the same, in single the same but for rounding."""
    encoded = list(SOUNDS.values())
    found, rounded = exact_judge(encoded), judge(encoded)
    for alone, together, single in zip(exact.values(), found, rounded, strict=True):
        assert alone.shape == together.shape == single.shape
        assert np.abs(together - alone).max() < EXACT
        assert np.abs(single - alone).max() < ROUNDING


@pytest.mark.instructions
def test_blocks_of_frames_leave_no_seam(judge, exact_judge, exact, monkeypatch):
    monkeypatch.setattr(silero_network, "FRAMES_AT_ONCE", 7)
    (in_blocks,), (rounded,) = exact_judge([SOUNDS["speech"]]), judge([SOUNDS["speech"]])
    assert np.abs(in_blocks - exact["speech"]).max() < EXACT
    assert np.abs(rounded - exact["speech"]).max() < ROUNDING


def test_scaled_samples_are_the_same_sound(judge):
    samples = SOUNDS["speech"]
    whole, scaled = judge([samples, samples.astype(np.float32) / np.float32(32768.0)])
    assert np.array_equal(whole, scaled)


def test_no_samples_and_no_clips(judge):
    assert judge([]) == []
    (nothing,) = judge([np.zeros(0, np.int16)])
    assert nothing.shape == (0,)
    _, nothing = judge([SOUNDS["noise"], np.zeros(0, np.int16)])
    assert nothing.shape == (0,)


def test_a_device_that_cannot_do_it(judge, caplog):
    """The device called meta has no memory, so that nothing can be computed there."""
    elsewhere = VoiceActivity(torch.device("meta"))
    assert elsewhere.device.type == "meta"
    with caplog.at_level(logging.WARNING):
        first = elsewhere([SOUNDS["speech"]])
        second = elsewhere([SOUNDS["speech"]])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "stays on the CPU: meta" in caplog.text
    assert elsewhere.device.type == "cpu"
    for (found,) in (first, second):
        assert np.array_equal(found, judge([SOUNDS["speech"]])[0])


def test_errors_that_are_not_the_devices_fault(judge, monkeypatch):
    for error in (torch.OutOfMemoryError("no memory left"), RuntimeError("on the CPU")):

        def fail(_network, _clips, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(silero_network._Network, "judge", fail)
            with pytest.raises(type(error), match=str(error)):
                judge([SOUNDS["noise"]])


def test_single_precision_is_asked_for_and_the_setting_put_back(judge, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    inside = []
    judge([SOUNDS["silence"]])  # the network is made when it is first needed
    noting = judge._network._recurrent.register_forward_pre_hook(
        lambda *_: inside.append(torch.backends.cudnn.allow_tf32)
    )
    judge([SOUNDS["noise"]])
    noting.remove()
    assert inside == [False]
    assert torch.backends.cudnn.allow_tf32


def test_a_batch_without_a_free_slot(small, judge):
    with torch.inference_mode():
        batch = Batch(small, slots=1)
        decoding = WindowRequest(noise(0, 2), LONG)
        assert batch.admit([decoding]) == []
        assert batch.free == 0
        asking = [WindowRequest(Clip(samples), ASKING) for samples in SOUNDS.values()]
        assert batch.admit(asking) == asking
    assert batch.in_flight == [decoding]
    for one, alone in zip(asking, judge(list(SOUNDS.values())), strict=True):
        assert np.array_equal(np.float32(one.result.speech_probabilities), alone)
        assert (one.result.text, one.result.tokens, one.result.words) == ("", (), ())


@pytest.fixture
def full_engine(small, monkeypatch):
    """An engine whose only slot is taken by a window that does not end before `released`."""
    released, running, step = threading.Event(), threading.Event(), Batch.step

    def patient_step(batch):
        running.set()
        return step(batch) if released.wait(0.01) else []

    monkeypatch.setattr(Batch, "step", patient_step)
    engine = Engine(small, slots=1, threads=1, queue_limit=3)
    engine.released = released
    engine.window = engine.submit(noise(0, 2, group="window"), LONG)
    assert running.wait(60)
    yield engine
    released.set()
    engine.close()


def test_listening_does_not_wait_for_a_slot(full_engine, exact):
    waiting = full_engine.submit(noise(1, 2, group="next"), LONG)
    asked = [full_engine.submit(Clip(SOUNDS[name]), ASKING) for name in ("speech", "noise")]
    found = [future.result(60).speech_probabilities for future in asked]
    for ours, name in zip(found, ("speech", "noise"), strict=True):
        assert np.abs(np.float32(ours) - exact[name]).max() < ROUNDING
    assert not full_engine.window.done()
    assert not waiting.done()
    statistics = full_engine.statistics()
    assert (statistics.slots_in_use, statistics.queued) == (1, 1)
    assert (statistics.windows_decoded, statistics.audio_seconds) == (0, 0.0)
    full_engine.released.set()
    assert waiting.result(60).speech_probabilities == ()
    assert full_engine.statistics().windows_decoded == 2


def test_cancelling_a_group_cancels_its_listening(small, monkeypatch):
    reached, opened, step = threading.Event(), threading.Event(), Batch.step

    def held_step(batch):
        reached.set()
        assert opened.wait(60)
        return step(batch)

    monkeypatch.setattr(Batch, "step", held_step)
    engine = Engine(small, slots=1, threads=1)
    try:
        window = engine.submit(noise(0, 2, group="window"), LONG)
        assert reached.wait(60)
        doomed = engine.submit(Clip(SOUNDS["noise"], group="doomed"), ASKING)
        kept = engine.submit(Clip(SOUNDS["noise"], group="kept"), ASKING)
        engine.cancel("doomed")
        assert doomed.cancelled()
        opened.set()
        assert len(kept.result(60).speech_probabilities) == 313
        assert window.result(60).language == "en"
    finally:
        opened.set()
        engine.close()


def test_memory_that_runs_out_while_listening(small, monkeypatch):
    """The engine makes room and listens again."""
    judge_all, failures = silero_network._Network.judge, [torch.OutOfMemoryError("none left")]

    def short_of_memory(network, clips):
        if failures:
            raise failures.pop()
        return judge_all(network, clips)

    monkeypatch.setattr(silero_network._Network, "judge", short_of_memory)
    engine = Engine(small, slots=2, threads=1)
    try:
        found = engine.submit(Clip(SOUNDS["noise"]), ASKING).result(60)
        assert len(found.speech_probabilities) == 313
        assert engine.statistics().slots == 1
    finally:
        engine.close()


@pytest.mark.slow
def test_an_engine_in_its_own_process_listens():
    process = EngineProcess(engine_with_random_weights)
    try:
        clips = [Clip(SOUNDS["speech"]), Clip(SOUNDS["speech"].astype(np.float32) / 32768.0)]
        for future in [process.submit(clip, ASKING) for clip in clips]:
            found = np.float32(future.result(100).speech_probabilities)
            assert np.abs(found - speech_probabilities(SOUNDS["speech"])).max() < TOLERANCE
    finally:
        process.close()

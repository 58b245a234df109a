from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper

from benchmarks.machine import OUR_PACKAGE
from benchmarks.peers import registry
from benchmarks.peers.registry import PEERS
from benchmarks.speed import plan, roofline
from benchmarks.speed.command import _numbers
from benchmarks.speed.plan import (
    Scale,
    absent,
    check_precisions,
    check_systems,
    file_works,
    window_works,
)
from benchmarks.speed.roofline import Load, device_named, seconds_per_window
from benchmarks.speed.rounds import measure_all
from benchmarks.speed.sizes import SIZES, _half_state, random_checkpoint, random_state
from benchmarks.speed.systems import sound
from benchmarks.speed.types import WindowWork


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_random_checkpoint_is_one_of_openai_whisper(cache: Path) -> None:
    path = random_checkpoint("toy", cache)
    model = whisper.load_model(str(path))
    assert model.dims.n_text_state == SIZES["toy"]["n_text_state"]
    written = path.stat().st_mtime_ns
    assert random_checkpoint("toy", cache) == path
    assert path.stat().st_mtime_ns == written
    weights = torch.load(path, weights_only=True)["model_state_dict"]
    assert 0.1 < weights["decoder.token_embedding.weight"][:1000].std() < 0.3


def test_a_checkpoint_made_on_a_device_has_the_same_shapes() -> None:
    """The CPU stands for it: names and shapes come from our own table, and are half precision."""
    made, whole = _half_state(SIZES["toy"], "cpu"), random_state(SIZES["toy"])
    assert {name: weight.shape for name, weight in made.items()} == {
        name: weight.shape for name, weight in whole.items()
    }
    assert {weight.dtype for weight in made.values()} == {torch.float16}


@pytest.mark.parametrize(
    ("size", "millions"), [("tiny", 37.8), ("base", 72.6), ("small", 240.6), ("turbo", 808.9)]
)
def test_sizes_are_the_true_ones(size: str, millions: float) -> None:
    dims = SIZES[size]
    d, encoder, decoder = dims["n_audio_state"], dims["n_audio_layer"], dims["n_text_layer"]
    tables = (dims["n_vocab"] + dims["n_text_ctx"] + dims["n_audio_ctx"]) * d
    total = tables + 12 * d * d * encoder + 16 * d * d * decoder + 3 * d * (dims["n_mels"] + d)
    assert total / 1e6 == pytest.approx(millions, rel=0.01)


def test_every_system_meets_every_batch_but_openai_whisper(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "missing_packages", lambda peer: [])
    works = window_works("toy", Scale(batches=(1, 4), threads=(1, 2), cache=str(cache)))
    assert {w.system for w in works} == set(plan.PEER_OF)
    assert {(w.batch, w.threads) for w in works if w.system == "ours"} == {
        (1, 1), (4, 1), (1, 2), (4, 2),
    }  # fmt: skip
    assert {w.batch for w in works if w.system == "openai-whisper"} == {1}


def test_what_is_not_installed_is_left_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"torch", "openai-whisper", OUR_PACKAGE}
    monkeypatch.setattr(registry, "version", lambda package: installed(package, here))
    scale = Scale(cache=str(cache))
    assert {w.system for w in window_works("toy", scale)} == {"ours", "openai-whisper"}
    assert {w.kind for w in file_works("demo", ["a.wav"], scale)} == {"ours", "openai-whisper"}
    told = list(absent(scale, has_files=False))
    assert [sentence.split(",")[0] for sentence in told] == [
        "not measured: ctranslate2",
        "not measured: transformers",
    ]
    assert told[0].endswith("which needs faster-whisper (make peers)")
    assert len(list(absent(scale, has_files=True))) == 6
    asked = Scale(systems=("ours", "faster-whisper"))
    assert len(list(absent(asked, has_files=True))) == 1


def test_a_system_that_does_not_exist_is_an_error() -> None:
    check_systems(["ours", "ctranslate2", "faster-whisper-batched"])
    with pytest.raises(ValueError, match="no system 'nonsense'"):
        check_systems(["ours", "nonsense"])


def test_a_precision_that_does_not_exist_is_an_error() -> None:
    check_precisions(["int8", "fp32"])
    with pytest.raises(ValueError, match="no precision 'int4'; choose of fp32"):
        check_precisions(["int8", "int4"])


def test_chosen_precisions(cache: Path) -> None:
    scale = Scale(systems=("ours",), precisions=("int8",), cache=str(cache))
    assert {w.precision for w in window_works("toy", scale)} == {"int8"}
    assert {w.precision for w in file_works("demo", ["a.wav"], scale)} == {"int8"}
    with pytest.raises(ValueError, match="no system has fp16 on cpu"):
        window_works("toy", replace(scale, precisions=("fp16",)))


def installed(package: str, here: set[str]) -> str:
    if package not in here:
        raise PackageNotFoundError(package)
    return "1"


def test_every_system_and_file_kind_is_of_the_registry() -> None:
    assert set(plan.PEER_OF.values()) | {kind for kind, _ in plan.FILE_KINDS} <= set(PEERS)


@pytest.mark.parametrize("has", [True, False])
def test_imitated_bfloat16_is_left_out(
    cache: Path, monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    monkeypatch.setattr(plan, "has_bfloat16", lambda: has)
    works = window_works("toy", Scale(systems=("ours",), cache=str(cache)))
    assert ("bf16" in {w.precision for w in works}) == has


def test_chosen_systems_and_devices(cache: Path) -> None:
    scale = Scale(device="cuda:0", systems=("ours",), cache=str(cache))
    assert {w.precision for w in window_works("toy", scale)} == {"fp16"}
    assert [(w.kind, w.precision, w.batch) for w in file_works("demo", ["a.wav"], scale)] == [
        ("ours", "fp16", 8)
    ]


def test_unknown_size() -> None:
    with pytest.raises(ValueError, match="no size is called 'huge'"):
        window_works("huge", Scale())


@pytest.mark.parametrize("text", ["", "0", "1,x", "-1"])
def test_wrong_numbers_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        _numbers(text)


def test_roofline_of_the_large_sizes() -> None:
    """Floors worked out by hand for an H200: beam 5, 110 tokens, 64 windows, 16 bits."""
    device = device_named("NVIDIA H200 141GB")
    assert device is not None
    load = Load(windows=64, beams=5, tokens=110)
    assert 1e3 * seconds_per_window(SIZES["large-v3"], load, device) == pytest.approx(
        11.9, rel=0.05
    )
    assert 1e3 * seconds_per_window(SIZES["turbo"], load, device) == pytest.approx(4.13, rel=0.05)
    assert device_named("Some card") is None


def test_bandwidth_rules_at_small_batches() -> None:
    load = Load(windows=1, beams=5, tokens=110)
    device = roofline.DEVICES["H200"]
    dims = SIZES["large-v3"]
    moved = roofline.step_bytes(dims, load) / device.bandwidth
    assert moved > roofline.step_operations(dims, load) / device.operations


def test_windows_are_whole_and_go_round() -> None:
    windows = sound.windows(13)
    assert {len(w) for w in windows} == {480_000}
    assert np.array_equal(windows[12], windows[0])
    assert sum(map(len, sound.stretches())) > 12 * 480_000


@pytest.mark.slow
@pytest.mark.parametrize("one_by_one", [False, True])
def test_one_round_of_two_systems(cache: Path, one_by_one: bool) -> None:
    """Same sound, same checkpoint, same number of tokens; what fails says so in its row."""
    checkpoint = str(random_checkpoint("toy", cache))
    works = [
        WindowWork(system, checkpoint, "cpu", precision, 1, 5, 4, 1)
        for system, precision in (("ours", "fp32"), ("openai-whisper", "fp32"), ("ours", "fp99"))
    ]
    told: list[str] = []
    ours, reference, wrong = measure_all(works, 2, told.append, one_by_one=one_by_one)
    assert ours.answers == reference.answers
    assert ours.tokens == reference.tokens == 4
    assert ours.cpu is not None
    assert ours.cpu.least > 0
    assert ours.peak_memory > 50_000_000
    assert wrong.problem is not None
    assert "fp99" in wrong.problem
    assert "round 2 of 2" in told
    assert (told[1].startswith("round")) == one_by_one

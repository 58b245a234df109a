"""The official `base` as a checkpoint, and as CTranslate2 directories of 16 and 8 bits.

The published half-precision weights are the same numbers in both files, so the words are the same.
Eight bits are rounded: how many words change was measured, and the bound is that and a word more.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from benchmarks.scoring import score
from benchmarks.speed.systems import sound
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model, read_checkpoint
from decoding.types import Clip, DecodingOptions
from tests.decoding import ctranslate2_files
from tests.real.official import weights, window_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = DecodingOptions(language="en", temperatures=(0.0,))
CHANGED_BY_EIGHT_BITS = 0


@pytest.fixture(scope="module")
def checkpoint():
    return read_checkpoint(str(weights("base")))


@pytest.fixture(scope="module")
def checkpoint_file(checkpoint, tmp_path_factory):
    """As openai-whisper keeps it."""
    path = tmp_path_factory.mktemp("pt") / "base.pt"
    state = {name: value.half() for name, value in checkpoint.state.items()}
    heads = checkpoint.alignment_heads
    content = {"dims": asdict(checkpoint.dimensions), "model_state_dict": state}
    torch.save(content | {"alignment_heads": heads}, path)
    return path


@pytest.fixture(scope="module")
def directory(checkpoint, tmp_path_factory):
    """Writes CTranslate2 directories of a type of numbers."""

    def write(dtype):
        folder = tmp_path_factory.mktemp("ct2")
        variables = ctranslate2_files.variables_of(checkpoint)
        if dtype == torch.int8:
            variables = ctranslate2_files.quantised(variables, dtype)
        else:
            variables = ctranslate2_files.floats(variables, dtype)
        ctranslate2_files.write(folder, ctranslate2_files.container(variables))
        heads = {"alignment_heads": checkpoint.alignment_heads}
        (folder / "config.json").write_text(json.dumps(heads), encoding="utf-8")
        return folder

    return write


def heard(path, windows):
    engine = Engine(load_model(str(path), precision="fp32"), slots=2, threads=1)
    try:
        futures = [engine.submit(Clip(samples), OPTIONS) for samples in windows]
        return [future.result() for future in futures]
    finally:
        engine.close()


@pytest.fixture(scope="module")
def spoken_windows():
    return [window_of("jfk/jfk.flac"), window_of("human/us-weekly-address/address.mp3")]


def test_half_precision_is_the_same_to_the_last_bit(checkpoint_file, directory):
    windows = [sound.stretches()[0][: 16_000 * 15]]
    assert heard(directory(torch.float16), windows) == heard(checkpoint_file, windows)


def test_half_precision_hears_a_persons_words_alike(checkpoint_file, directory, spoken_windows):
    assert heard(directory(torch.float16), spoken_windows) == heard(checkpoint_file, spoken_windows)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_eight_bits_change_hardly_a_word(checkpoint_file, directory, spoken_windows):
    whole = " ".join(one.text for one in heard(checkpoint_file, spoken_windows))
    rounded = " ".join(one.text for one in heard(directory(torch.int8), spoken_windows))
    found = score(whole, rounded)
    assert found.reference_length > 60
    assert found.words.errors <= CHANGED_BY_EIGHT_BITS + 1, rounded

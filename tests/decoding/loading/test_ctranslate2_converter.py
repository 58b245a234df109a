"""Directories from CTranslate2's own converter hold the weights that were converted."""

from __future__ import annotations

import pytest
import torch
from whisper.model import Whisper

from benchmarks.checkpoint_conversion import hugging_face_folder
from decoding.loading.ctranslate2 import read_ctranslate2
from tests.decoding.loading.test_ctranslate2 import STEPS, assert_equal, assert_rounded
from tests.decoding.small_models import checkpoint_of, random_model, save

converters = pytest.importorskip(
    "ctranslate2.converters", reason="no CTranslate2 here: `make peers` installs it"
)
pytest.importorskip("transformers", reason="no transformers here: `make peers` installs it")

pytestmark = pytest.mark.slow

FLOATS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
QUANTISED = {
    "int8": (torch.int8, torch.float32),
    "int8_float32": (torch.int8, torch.float32),
    "int8_float16": (torch.int8, torch.float16),
    "int8_bfloat16": (torch.int8, torch.bfloat16),
    "int16": (torch.int16, torch.float32),
}


@pytest.fixture(scope="module")
def model() -> Whisper:
    return random_model(3)


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory):
    """Makes a directory with weights of the given type, as faster-whisper's users do."""
    folder = tmp_path_factory.mktemp("converted")
    transformers_folder = str(hugging_face_folder(str(save(model, folder / "toy.pt")), folder))

    def convert(kind: str):
        target = folder / kind
        converter = converters.TransformersConverter(transformers_folder)
        converter.convert(str(target), quantization=kind)
        return read_ctranslate2(target)

    return convert


@pytest.mark.parametrize("kind", FLOATS)
def test_floats(converted, model, kind):
    found = converted(kind)
    assert_equal(found, checkpoint_of(model), FLOATS[kind])
    assert found.alignment_heads == ((1, 0),)


@pytest.mark.parametrize("kind", QUANTISED)
def test_whole_numbers(converted, model, kind):
    whole, rest = QUANTISED[kind]
    assert_rounded(converted(kind), checkpoint_of(model), STEPS[whole], rest)

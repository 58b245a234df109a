"""CTranslate2's directories hold the same weights as other files, or are refused in a sentence."""

from __future__ import annotations

import logging
import random
import struct
from functools import lru_cache

import pytest
import torch
from whisper.model import ModelDimensions, Whisper, sinusoids

from decoding.errors import ModelUnreadable
from decoding.loading.checkpoint import Checkpoint, checked
from decoding.loading.ctranslate2 import read_ctranslate2
from decoding.loading.loader import load_model
from tests.decoding import ctranslate2_files as files
from tests.decoding.small_models import checkpoint_of, random_model

FLOATS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
STEPS = {torch.int8: 127, torch.int16: 1024}
HALF_A_STEP = 0.501  # a thousandth of a step for what single precision loses


@lru_cache(maxsize=8)
def tiny(n_mels: int = 80, n_vocab: int = 40, heads: int = 1, frames: int = 1500) -> Checkpoint:
    """Two layers that hear and one that speaks, of a vocabulary too small to say anything."""
    torch.manual_seed(5)
    width = 64 * heads
    model = Whisper(ModelDimensions(n_mels, frames, width, heads, 2, n_vocab, 8, width, heads, 1))
    with torch.no_grad():
        model.decoder.positional_embedding.normal_()
    return checkpoint_of(model)


@pytest.fixture
def variables():
    return files.variables_of(tiny())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "tuned"


def assert_equal(found: Checkpoint, expected: Checkpoint, dtype: torch.dtype) -> None:
    assert found.dimensions == expected.dimensions
    assert found.state.keys() == expected.state.keys()
    for name, value in expected.state.items():
        assert found.state[name].dtype == dtype
        assert torch.equal(found.state[name], value.to(dtype)), name


def assert_rounded(
    found: Checkpoint, expected: Checkpoint, steps: int, rest: torch.dtype = torch.float32
) -> None:
    """Matrices equal to half a step of a row (int8) or of the whole (int16), the rest exactly."""
    assert found.dimensions == expected.dimensions
    read, written = files.variables_of(found), files.variables_of(expected)
    assert read.keys() == written.keys()
    for name, value in written.items():
        if not name.endswith("/weight"):
            whole = not value.is_floating_point()
            assert torch.equal(read[name], value if whole else value.to(rest)), name
            continue
        peaks = value.abs().flatten(1).amax(1, keepdim=True)
        step = (peaks.max() if steps == STEPS[torch.int16] else peaks) / steps
        wrong = (read[name] - value).flatten(1).abs()
        assert (wrong <= HALF_A_STEP * step).all(), name
        assert wrong.max() > 0.4 * step.min(), f"{name} was not rounded"


@pytest.mark.parametrize("dtype", FLOATS.values(), ids=FLOATS)
def test_floats_are_read_as_they_are(folder, variables, dtype, caplog):
    files.write(folder, files.container(files.floats(variables, dtype)))
    assert_equal(read_ctranslate2(folder), tiny(), dtype)
    assert not caplog.records


@pytest.mark.parametrize("rest", FLOATS.values(), ids=FLOATS)
@pytest.mark.parametrize("dtype", STEPS, ids=("int8", "int16"))
def test_whole_numbers_become_floats(folder, variables, dtype, rest, caplog):
    stored = files.quantised(files.floats(variables, rest), dtype)
    files.write(folder, files.container(stored))
    expected = Checkpoint(
        tiny().dimensions, {k: v.to(rest).float() for k, v in tiny().state.items()}
    )
    assert_rounded(read_ctranslate2(folder), expected, STEPS[dtype], rest)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    bits = 8 * dtype.itemsize
    assert f"tuned/model.bin holds weights of {bits} bits: they are made float" in record.message


@pytest.mark.parametrize(
    ("n_mels", "n_vocab", "heads"), [(80, 41, 1), (128, 51_866, 1), (80, 39, 3)]
)
def test_sizes_come_from_the_tensors(folder, n_mels, n_vocab, heads):
    expected = tiny(n_mels, n_vocab, heads)
    files.write(folder, files.container(files.variables_of(expected)))
    assert_equal(read_ctranslate2(folder), expected, torch.float32)


def test_without_numbers_of_heads_they_are_64_wide(folder):
    expected = tiny(heads=3)
    variables = files.variables_of(expected)
    del variables["encoder/num_heads"], variables["decoder/num_heads"]
    files.write(folder, files.container(variables))
    assert read_ctranslate2(folder).dimensions == expected.dimensions


def test_without_positions_of_sound_they_are_waves(folder, variables):
    del variables["encoder/position_encodings/encodings"]
    files.write(folder, files.container(variables))
    found = read_ctranslate2(folder).state["encoder.positional_embedding"]
    assert torch.equal(found, sinusoids(1500, 64))


def test_every_weight_may_be_an_alias(folder, variables):
    """Equal tensors are written once, quantised ones with their scales."""
    norm = "encoder/layer_norm/gamma"
    aliases = dict(files.ALIASES)
    for name in [name for name in variables if name.endswith("gamma") and name != norm]:
        assert torch.equal(variables.pop(name), variables[norm])
        aliases[name] = norm
    linear = "decoder/layer_0/attention/linear_0/weight"
    other = "decoder/layer_0/attention/linear_2/weight"
    stored = files.quantised(variables, torch.int8)
    del stored[other], stored[f"{other}_scale"]
    files.write(folder, files.container(stored, aliases | {other: linear}))
    state = read_ctranslate2(folder).state
    attention = "decoder.blocks.0.cross_attn"
    assert torch.equal(state[f"{attention}.out.weight"], state[f"{attention}.query.weight"])
    assert torch.equal(state["encoder.blocks.1.mlp_ln.weight"], torch.ones(64))


def test_an_equal_projection_need_not_be_an_alias(folder, variables):
    variables["decoder/projection/weight"] = variables["decoder/embeddings/weight"]
    files.write(folder, files.container(variables, {}))
    assert_equal(read_ctranslate2(folder), tiny(), torch.float32)


def test_alignment_heads(folder, variables):
    files.write(folder, files.container(variables))
    assert read_ctranslate2(folder).alignment_heads is None
    config = folder / "config.json"
    config.write_text('{"suppress_ids": [1], "lang_ids": [2]}')
    assert read_ctranslate2(folder).alignment_heads is None
    config.write_text('{"alignment_heads": null}')
    assert read_ctranslate2(folder).alignment_heads is None
    config.write_text('{"alignment_heads": [[0, 0]]}')
    assert read_ctranslate2(folder).alignment_heads == ((0, 0),)
    for content in ('{"alignment_heads": [[1, 0]]}', "[]", "{"):
        config.write_text(content)
        with pytest.raises(ModelUnreadable, match=r"tuned|config\.json"):
            read_ctranslate2(folder)


def test_which_files_of_a_directory_are_read(folder):
    model = checkpoint_of(random_model(3))
    folder.mkdir()
    expected = r"no model\.safetensors .* and no model\.bin .*: give a directory"
    with pytest.raises(ModelUnreadable, match=expected):
        load_model(str(folder))
    files.write(folder, files.container(files.variables_of(model)))
    loaded = load_model(str(folder))
    assert loaded.card.name == "tuned"
    assert loaded.card.parameters == sum(one.numel() for one in model.state.values())
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(ModelUnreadable, match="not a Whisper model's: no"):  # Hugging Face's
        load_model(str(folder))


def changed(**values):
    return lambda variables: variables.update(
        {name.replace("__", "/"): value for name, value in values.items()}
    )


def scaled(value):
    def change(variables):
        variables.update(files.quantised(variables, torch.int8))
        variables["encoder/conv1/weight_scale"] = value

    return change


def bias_of_keys(variables):
    variables["decoder/layer_0/attention/linear_1/bias"][3] = 0.5


def no_positions(variables):
    """Waves have an even width, which 63 is not; only official widths are filled in."""
    del variables["encoder/position_encodings/encodings"]
    variables["encoder/conv1/weight"] = torch.ones(63, 80, 3)


MATRIX = "decoder/layer_0/ffn/linear_0/weight"
BREAKAGES = {
    "a weight lost": (lambda v: v.pop(MATRIX.replace("0/w", "1/w")), "lacks .*linear_1/weight"),
    "a bias lost": (lambda v: v.pop("encoder/conv2/bias"), "lacks 'encoder/conv2/bias'"),
    "no sound": (lambda v: v.pop("encoder/conv1/weight"), "lacks 'encoder/conv1/weight'"),
    "a layer lost": (
        lambda v: [v.pop(name) for name in list(v) if "encoder/layer_0" in name],
        "dimensions that are not positive",
    ),
    "a matrix misshapen": (changed(decoder__layer_norm__beta=torch.ones(9)), "has shape"),
    "a number for a matrix": (
        changed(decoder__layer_0__attention__linear_1__weight=torch.tensor(1.0)),
        "rows for 2 layers",
    ),
    "rows that do not part": (
        changed(decoder__layer_0__attention__linear_1__bias=torch.zeros(9)),
        "rows for 2 layers",
    ),
    "a convolution of two dimensions": (
        changed(encoder__conv1__weight=torch.ones(64, 240)),
        "2 dimensions, not 3",
    ),
    "a bias of keys": (bias_of_keys, "a bias of keys"),
    "a strange tensor": (changed(decoder__layer_0__q_norm__gamma=torch.ones(64)), "q_norm/gamma"),
    "a projection of its own": (
        changed(decoder__projection__weight=torch.ones(40, 64)),
        "decoder/projection/weight",
    ),
    "heads that do not part": (
        changed(encoder__num_heads=torch.tensor(3, dtype=torch.int16)),
        "3 heads",
    ),
    "no heads": (changed(encoder__num_heads=torch.tensor(-1, dtype=torch.int16)), "not positive"),
    "heads in fractions": (changed(encoder__num_heads=torch.tensor(1.0)), "not a whole number"),
    "several numbers of heads": (
        changed(encoder__num_heads=torch.ones(2, dtype=torch.int16)),
        "not a whole number",
    ),
    "no scale": (
        changed(decoder__embeddings__weight=torch.ones(40, 64, dtype=torch.int8)),
        "lacks 'decoder/embeddings/weight_scale'",
    ),
    "weights of 32 bits": (
        changed(decoder__embeddings__weight=torch.ones(40, 64, dtype=torch.int32)),
        "a type that weights do not have",
    ),
    "a scale too short": (scaled(torch.ones(9)), "scale of 'encoder/conv1/weight'"),
    "a scale of nothing": (scaled(torch.zeros(64)), "scale of 'encoder/conv1/weight'"),
    "a scale of no number": (scaled(torch.full((64,), torch.nan)), "scale of 'encoder/conv1"),
    "other mel bands": (changed(encoder__conv1__weight=torch.ones(64, 81, 3)), "81 mel bands"),
    "no positions of sound, of an odd width": (no_positions, "has shape"),
}


@pytest.mark.parametrize("how", BREAKAGES)
def test_broken_models(folder, variables, how):
    change, message = BREAKAGES[how]
    change(variables)
    aliases = {} if "decoder/projection/weight" in variables else files.ALIASES
    files.write(folder, files.container(variables, aliases))
    with pytest.raises(ModelUnreadable, match=rf"{message}") as caught:
        read_ctranslate2(folder)
    assert "tuned" in str(caught.value)
    assert "\n" not in str(caught.value)


def head(version=6, spec=b"\x0c\0WhisperSpec\0", revision=3, variables=0):
    return struct.pack("<I", version) + spec + struct.pack("<II", revision, variables)


NAME = b"\x02\0a\0"
BAD_CONTAINERS = {
    "empty": (b"", "ends too early"),
    "text": (b"version https://git-lfs", "binary version 1936876918"),
    "an older version": (head(version=5), "binary version 5"),
    "another architecture": (
        head(spec=b"\x10\0TransformerSpec\0") + b"\0" * 4,
        "'TransformerSpec', not Whisper's",
    ),
    "a later revision": (head(revision=4) + b"\0" * 4, "revision 4"),
    "a name of no length": (head(spec=b"\0\0"), "is no name"),
    "a name without end": (head(spec=b"\x01\0a"), "is no name"),
    "a name that is no text": (head(spec=b"\x02\0\xff\0"), "no text"),
    "a name with a line break": (head(spec=b"\x02\0\n\0"), "is no name"),
    "a long name": (head(spec=b"\x00\x01" + b"a" * 255 + b"\0"), "is no name"),
    "a name longer than the file": (head(spec=b"\xff\xff"), "ends too early"),
    "four billion variables": (head(variables=2**32 - 1), "ends too early"),
    "255 dimensions": (head(variables=1) + NAME + b"\xff" * 2000, "255 dimensions"),
    "an exabyte": (
        head(variables=1) + NAME + b"\2" + b"\xff" * 8 + b"\1" + b"\xff" * 4,
        "bytes as its shape needs",
    ),
    "four gigabytes": (
        head(variables=1) + NAME + b"\1" + b"\xff" * 4 + b"\1" + b"\xff" * 4,
        "ends too early",
    ),
    "an unknown type": (head(variables=1) + NAME + b"\0\x06\4\0\0\0", "unknown type 6"),
    "a variable twice": (
        head(variables=2) + 2 * (NAME + b"\0\1\1\0\0\0x") + b"\0" * 4,
        "'a' is there twice",
    ),
    "an alias of nothing": (head() + b"\1\0\0\0" + 2 * NAME, "which is not there"),
    "an alias of itself": (
        head(variables=1) + NAME + b"\0\1\1\0\0\0x" + b"\1\0\0\0" + 2 * NAME,
        "'a' is there twice",
    ),
    "bytes behind the end": (head() + b"\0" * 5, "goes on behind its end"),
}


@pytest.mark.parametrize("how", BAD_CONTAINERS)
def test_broken_containers(folder, how):
    content, message = BAD_CONTAINERS[how]
    files.write(folder, content)
    with pytest.raises(ModelUnreadable, match=rf"^tuned/model\.bin.*{message}.*: \w+") as caught:
        read_ctranslate2(folder)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_opened(folder):
    (folder / "model.bin").mkdir(parents=True)
    with pytest.raises(ModelUnreadable, match="cannot be read"):
        read_ctranslate2(folder)


def headers(content: bytes, variables) -> list[int]:
    """Positions of bytes that are no tensor's content."""
    described = set(range(len(content)))
    for name, value in variables.items():
        start = content.index(files.text(name)) + len(files.text(name)) + 1 + 4 * value.dim() + 5
        described -= set(range(start, start + value.numel() * value.element_size()))
    return sorted(described)


@pytest.fixture(scope="module")
def smallest():
    """A quantised container of the shape of any other, and the positions of its headers."""
    variables = files.quantised(files.variables_of(tiny(frames=20)), torch.int8)
    content = files.container(variables)
    return content, headers(content, variables)


def test_cut_anywhere(folder, smallest):
    content, positions = smallest
    chance = random.Random(7)
    for at in positions[::7] + chance.choices(range(len(content)), k=50):
        files.write(folder, content[:at])
        with pytest.raises(ModelUnreadable, match=r"^tuned/model\.bin is damaged.*: download"):
            read_ctranslate2(folder)


def test_changed_anywhere(folder, smallest):
    """A changed header is refused, or the weights have their shapes all the same."""
    content, positions = smallest
    chance = random.Random(8)
    refused = 0
    for _ in range(400):
        damaged = bytearray(content)
        for at in chance.choices(positions, k=chance.choice((1, 1, 3))):
            damaged[at] = chance.choice((damaged[at] ^ 1 << chance.randrange(8), 0, 255))
        files.write(folder, bytes(damaged))
        try:
            checked(read_ctranslate2(folder), "it")
        except ModelUnreadable:
            refused += 1
    assert refused > 300

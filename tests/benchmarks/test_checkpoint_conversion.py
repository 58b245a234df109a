"""A toy model goes through every form and stays the same model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from whisper.model import ModelDimensions, Whisper

from benchmarks.checkpoint_conversion import (
    byte_letters,
    ctranslate2_folder,
    encoding_of,
    expand,
    fetched,
    full_checkpoint,
    heads_of,
    hugging_face_folder,
    merge_rules,
    renamed,
)
from benchmarks.peers.openai_whisper import set_heads
from benchmarks.peers.types import PeerUnavailable
from decoding.loading.checkpoint import Checkpoint
from decoding.loading.huggingface import DIMENSION_NAMES
from decoding.model.dimensions import Dimensions
from tests.decoding.ctranslate2_files import container, variables_of, write

DIMS = ModelDimensions(80, 1500, 16, 2, 1, 51864, 448, 16, 2, 1)


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the compact form: two embedding rows serve all tokens."""
    torch.manual_seed(0)
    state = {
        name: 0.1 * torch.randn(weight.shape).half()
        for name, weight in Whisper(DIMS).state_dict().items()
    }
    del state["decoder.token_embedding.weight"]
    content = {
        "format": "whisper-longform-compact-1",
        "dims": DIMS.__dict__,
        "model_state_dict": state,
        "token_rows": torch.tensor([[0.5] * 16, [-0.5] * 16], dtype=torch.float16),
        "token_index": torch.arange(DIMS.n_vocab, dtype=torch.int32) % 2,
    }
    path = tmp_path_factory.mktemp("model") / "toy.pt"
    torch.save(content, path)
    return path


def test_official_names_pass_through() -> None:
    assert full_checkpoint("turbo") == "turbo"


def test_what_was_fetched_here_is_everybodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without the network can measure others with the weights that it has."""
    checkpoint = tmp_path / "small.pt"
    checkpoint.touch()
    assert fetched("small", str(tmp_path)) == str(checkpoint)
    assert fetched("medium", str(tmp_path)) == "medium"
    assert fetched("own.pt", str(tmp_path)) == "own.pt"
    monkeypatch.setenv("LONGFORM_MODEL_DIR", str(tmp_path))
    assert fetched("small") == str(checkpoint)


def test_neither_name_nor_file() -> None:
    with pytest.raises(PeerUnavailable, match="neither an official"):
        full_checkpoint("no-such-model")


def test_compact_form_is_expanded(compact: Path, tmp_path: Path) -> None:
    path = full_checkpoint(str(compact), tmp_path)
    content = torch.load(path, weights_only=True)
    embedding = content["model_state_dict"]["decoder.token_embedding.weight"]
    assert embedding.shape == (DIMS.n_vocab, 16)
    assert embedding[3, 0] == -0.5
    assert full_checkpoint(str(path), tmp_path) == path
    assert set(expand(content)) == set(Whisper(DIMS).state_dict())


def test_names_of_weights() -> None:
    assert renamed("decoder.blocks.0.cross_attn.query.weight") == (
        "model.decoder.layers.0.encoder_attn.q_proj.weight"
    )
    assert renamed("encoder.blocks.1.attn_ln.bias") == (
        "model.encoder.layers.1.self_attn_layer_norm.bias"
    )
    assert renamed("encoder.ln_post.weight") == "model.encoder.layer_norm.weight"


def test_merge_rules_rebuild_every_token() -> None:
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4, b"abc": 5}
    assert list(merge_rules(ranks)) == [(b"a", b"b"), (b"b", b"c"), (b"ab", b"c")]


def test_byte_letters_are_distinct() -> None:
    letters = byte_letters()
    assert len(set(letters)) == 256
    assert (letters[ord("a")], letters[ord(" ")]) == ("a", "Ġ")


@pytest.mark.slow
def test_hugging_face_form_is_the_same_model(compact: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    folder = hugging_face_folder(str(compact), tmp_path)
    theirs = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    ours = Whisper(DIMS).eval()
    content = torch.load(full_checkpoint(str(compact), tmp_path), weights_only=True)
    ours.load_state_dict(content["model_state_dict"])
    mel, tokens = torch.randn(1, 80, 3000), torch.tensor([[50257, 50362, 100]])
    with torch.no_grad():
        expected = ours(mel, tokens)
        found = theirs(input_features=mel, decoder_input_ids=tokens).logits
    assert torch.allclose(expected, found, atol=1e-4)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoding, _ = encoding_of(DIMS.n_vocab)
    text = " It's 1,234 naïve — नमस्ते café's!"
    assert tokenizer.encode(text, add_special_tokens=False).ids == encoding.encode(text)
    assert tokenizer.token_to_id("<|30.00|>") == 51863


def test_a_directory_becomes_a_checkpoint_of_openai_whisper(compact: Path, tmp_path: Path) -> None:
    content = torch.load(full_checkpoint(str(compact), tmp_path), weights_only=True)
    state = content["model_state_dict"]
    variables = variables_of(Checkpoint(Dimensions(**content["dims"]), state))
    folder = write(tmp_path / "directory", container(variables))
    path = full_checkpoint(str(folder), tmp_path / "cache")
    assert full_checkpoint(str(folder), tmp_path / "cache") == path
    found = torch.load(path, weights_only=True)
    assert ModelDimensions(**found["dims"]) == DIMS
    Whisper(DIMS).load_state_dict(found["model_state_dict"])
    for name, weight in found["model_state_dict"].items():
        assert torch.equal(weight.float(), state[name].float()), name
    assert [one.name for one in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_folder_of_ctranslate2_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert ctranslate2_folder(str(tmp_path)) == tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Hugging Face folder with the weights of a toy, which times words by one head."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    state = {renamed(name): w.contiguous() for name, w in Whisper(DIMS).state_dict().items()}
    place = tmp_path / "toy"
    place.mkdir()
    save_file(state, place / "model.safetensors")
    config = {theirs: getattr(DIMS, ours) for ours, theirs in DIMENSION_NAMES.items()}
    (place / "config.json").write_text(json.dumps(config))
    (place / "generation_config.json").write_text(json.dumps({"alignment_heads": [[0, 1]]}))
    return place


def test_a_folder_becomes_what_openai_whisper_reads(folder: Path, tmp_path: Path) -> None:
    path = full_checkpoint(str(folder), tmp_path)
    content = torch.load(path, weights_only=True)
    model = Whisper(ModelDimensions(**content["dims"]))
    model.load_state_dict(content["model_state_dict"])
    assert model.dims == DIMS
    set_heads(model, heads_of(str(folder)))
    assert model.alignment_heads.to_dense().tolist() == [[False, True]]
    set_heads(model, None)  # nothing is known: what was set stays
    assert model.alignment_heads.to_dense().tolist() == [[False, True]]


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(PeerUnavailable, match=r"holds no model\.safetensors"):
        full_checkpoint(str(tmp_path))

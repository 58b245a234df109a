"""Every kind of model file: read alike, or refused with one clear sentence."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
import torch
import whisper
from safetensors.torch import save_file

from decoding.errors import ModelNotFound, ModelUnreadable
from decoding.loading.checkpoint import COMPACT_FORMAT, default_heads
from decoding.loading.huggingface import DIMENSION_NAMES, _scale, openai_name
from decoding.loading.loader import load_model
from decoding.types import DecodingOptions
from tests.decoding.decoding_alone import decode_one
from tests.decoding.noise import noise
from tests.decoding.small_models import checkpoint_of, random_model, save, untrained

TO_HUGGING_FACE = (
    (".attn_ln.", ".self_attn_layer_norm."),
    (".cross_attn_ln.", ".encoder_attn_layer_norm."),
    (".mlp_ln.", ".final_layer_norm."),
    (".cross_attn.", ".encoder_attn."),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
    (".mlp.0.", ".fc1."),
    (".mlp.2.", ".fc2."),
    (".blocks.", ".layers."),
    ("encoder.ln_post.", "encoder.layer_norm."),
    ("decoder.ln.", "decoder.layer_norm."),
    ("token_embedding.", "embed_tokens."),
    ("positional_embedding", "embed_positions.weight"),
)


def their_name(name: str) -> str:
    for ours, theirs in TO_HUGGING_FACE:
        name = name.replace(ours, theirs)
    return "model." + name


@pytest.fixture(scope="module")
def model():
    return random_model(3)


@pytest.fixture(scope="module")
def state(model):
    return checkpoint_of(model).state


@pytest.fixture
def directory(tmp_path, model, state):
    """A Hugging Face directory with the random model's weights."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    save_file(
        {their_name(name): value.contiguous() for name, value in state.items()},
        folder / "model.safetensors",
    )
    dims = dataclasses.asdict(model.dims)
    config = {theirs: dims[ours] for ours, theirs in DIMENSION_NAMES.items()}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def answers(loaded) -> torch.Tensor:
    """What the model says to a fixed input; equal answers, equal weights."""
    mel = torch.linspace(-1, 1, 80 * 3000).view(1, 80, 3000)
    with torch.inference_mode():
        features = loaded.encoder(mel)
        key, value = loaded.decoder.cross_attention_kv(loaded.dimensions.n_text_layer - 1, features)
    return torch.cat([key.flatten(), value.flatten()])


@pytest.fixture(scope="module")
def expected(model, tmp_path_factory):
    return answers(load_model(str(save(model, tmp_path_factory.mktemp("plain") / "a.pt"))))


def test_openai_checkpoint(model, tmp_path, expected):
    loaded = load_model(str(save(model, tmp_path / "mine.pt")))
    assert torch.equal(answers(loaded), expected)
    assert loaded.card.name == "mine"
    assert loaded.card.parameters == sum(one.numel() for one in model.state_dict().values())
    assert loaded.alignment_heads == default_heads(loaded.dimensions) == ((1, 0),)


def test_alignment_heads_beside_the_checkpoint(model, tmp_path):
    path = save(model, tmp_path / "mine.pt")
    (tmp_path / "mine.pt.heads.json").write_text("[[0, 0], [1, 0]]")
    assert load_model(str(path)).alignment_heads == ((0, 0), (1, 0))


def test_compact_checkpoint_decodes_as_its_expansion(state, model, tmp_path):
    """Tokens that share a row are never chosen, but count wherever probabilities are summed."""
    index = torch.zeros(51_865, dtype=torch.int32)
    index[100:800] = torch.arange(1, 701)
    index[50_257:] = torch.arange(701, 701 + 1608)
    rows = state["decoder.token_embedding.weight"][: 701 + 1608].half()
    rows[0] *= 0.01
    rest = {k: v for k, v in state.items() if k != "decoder.token_embedding.weight"}
    dims = dataclasses.asdict(model.dims)
    compact = {"format": COMPACT_FORMAT, "dims": dims, "model_state_dict": rest}
    torch.save(compact | {"token_rows": rows, "token_index": index}, tmp_path / "c.pt")
    whole = rest | {"decoder.token_embedding.weight": rows.float()[index.long()]}
    torch.save({"dims": dims, "model_state_dict": whole}, tmp_path / "w.pt")
    options = DecodingOptions(sample_len=12, temperatures=(0.0,), no_speech_threshold=None)
    small, large = (load_model(str(tmp_path / name)) for name in ("c.pt", "w.pt"))
    ours, theirs = (decode_one(one, noise(5), options) for one in (small, large))
    assert ours.tokens == theirs.tokens
    assert any(100 <= token < 800 for token in ours.tokens)
    assert ours.avg_logprob == pytest.approx(theirs.avg_logprob, abs=1e-4)
    assert ours.no_speech_prob == pytest.approx(theirs.no_speech_prob, abs=1e-6)
    assert ours.language_probabilities == pytest.approx(theirs.language_probabilities, abs=1e-5)
    for word, expected in zip(ours.words, theirs.words, strict=True):
        assert (word.text, word.start) == (expected.text, expected.start)
        assert word.probability == pytest.approx(expected.probability, abs=1e-5)
    assert small.decoder.columns.layout.end == 700 + 1608


def test_hugging_face_directory(directory, expected):
    loaded = load_model(str(directory))
    assert torch.equal(answers(loaded), expected)
    assert loaded.card.name == "tuned"


def test_hugging_face_directory_in_parts_with_heads(directory, state, expected):
    (directory / "model.safetensors").unlink()
    names = sorted(state)
    table = {}
    for part, chosen in (("a.safetensors", names[::2]), ("b.safetensors", names[1::2])):
        tensors = {their_name(name): state[name].contiguous() for name in chosen}
        save_file(tensors, directory / part)
        table |= dict.fromkeys(tensors, part)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    (directory / "generation_config.json").write_text('{"alignment_heads": [[0, 0]]}')
    loaded = load_model(str(directory))
    assert torch.equal(answers(loaded), expected)
    assert loaded.alignment_heads == ((0, 0),)


def test_every_name_maps_back(state):
    assert all(openai_name(their_name(name)) == name for name in state)
    assert openai_name("proj_out.weight") == "decoder.token_embedding.weight"


def write_adapter(folder, factors, **config):
    folder.mkdir(exist_ok=True)
    table = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"} | config
    (folder / "adapter_config.json").write_text(json.dumps(table))
    save_file(factors, folder / "adapter_model.safetensors")
    return folder


def factors_of(module: str, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    name = f"base_model.model.model.{module}"
    return {
        f"{name}.lora_A.weight": torch.randn(4, 64),
        f"{name}.lora_B.weight": torch.randn(64, 4),
    }


@pytest.mark.parametrize(("config", "scale"), [({}, 2.0), ({"use_rslora": True}, 4.0)])
def test_adapter_is_merged(model, state, tmp_path, config, scale):
    factors = factors_of("decoder.layers.1.encoder_attn.v_proj")
    adapter = write_adapter(tmp_path / "lora", factors, **config)
    down, up = factors.values()
    changed = dict(state)
    name = "decoder.blocks.1.cross_attn.value.weight"
    changed[name] = state[name] + scale * (up @ down)
    dims = dataclasses.asdict(model.dims)
    torch.save({"dims": dims, "model_state_dict": changed}, tmp_path / "changed.pt")
    merged = load_model(str(save(model, tmp_path / "base.pt")), adapter=adapter)
    assert torch.allclose(answers(merged), answers(load_model(str(tmp_path / "changed.pt"))))


@pytest.mark.parametrize("key", ["alpha_pattern", "rank_pattern"])
def test_an_alternative_in_an_adapters_pattern_ends_where_it_ends(key):
    module, down = "decoder.layers.10.encoder_attn.v_proj", torch.zeros(4, 64)
    config = {"r": 4, "lora_alpha": 8}
    for pattern in (r"layers\.1|layers\.2", "fc1|encoder"):
        assert _scale(config | {key: {pattern: 64}}, module, down) == 2.0
    assert _scale(config | {key: {"q_proj|v_proj": 64}}, module, down) != 2.0


def test_a_pattern_that_is_none_is_one_sentence(model, tmp_path):
    factors = factors_of("decoder.layers.1.self_attn.q_proj")
    adapter = write_adapter(tmp_path / "lora", factors, alpha_pattern={"q_proj(": 4})
    with pytest.raises(ModelUnreadable, match="is no pattern"):
        load_model(str(save(model, tmp_path / "base.pt")), adapter=adapter)


def test_adapters_that_do_not_fit(model, tmp_path):
    base = str(save(model, tmp_path / "base.pt"))
    with pytest.raises(ModelNotFound, match="adapter"):
        load_model(base, adapter=tmp_path)
    cases = [
        (factors_of("decoder.layers.9.encoder_attn.v_proj"), {}, "does not have"),
        (factors_of("decoder.layers.1.fc1"), {}, "does not fit"),
        (factors_of("decoder.layers.1.self_attn.q_proj"), {"peft_type": "IA3"}, "only LoRA"),
        (factors_of("decoder.layers.1.self_attn.q_proj"), {"use_dora": True}, "use_dora"),
        ({"something.else": torch.zeros(1)}, {}, "no LoRA weights"),
    ]
    for at, (factors, config, message) in enumerate(cases):
        adapter = write_adapter(tmp_path / str(at), factors, **config)
        with pytest.raises(ModelUnreadable, match=message):
            load_model(base, adapter=adapter)


def test_no_such_model(tmp_path):
    with pytest.raises(ModelNotFound, match=r"give a path or one of .*turbo"):
        load_model(str(tmp_path / "missing.pt"))


def test_a_download_that_fails_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError("no route")

    monkeypatch.setattr(whisper, "_download", refuse)
    with pytest.raises(ModelNotFound, match=r"'tiny' could not be downloaded.* tiny\.pt"):
        load_model("tiny", download_root=tmp_path)


def test_an_official_name_gets_its_heads(model, tmp_path, monkeypatch):
    dims = dataclasses.replace(model.dims, n_text_layer=4, n_text_head=6, n_text_state=384)
    big = untrained(dataclasses.replace(dims, n_audio_state=384, n_audio_head=6))
    path = save(big, tmp_path / "tiny.pt")
    monkeypatch.setattr(whisper, "_download", lambda *_args, **_kwargs: str(path))
    loaded = load_model("tiny", download_root=tmp_path)
    big.set_alignment_heads(whisper._ALIGNMENT_HEADS["tiny"])
    assert [list(one) for one in loaded.alignment_heads] == big.alignment_heads.indices().T.tolist()
    assert loaded.card.name == "tiny"


def set_weight(value):
    return lambda table: table["model_state_dict"].update({"decoder.ln.bias": value})


BREAKAGES = {
    "no weights": lambda table: table.pop("model_state_dict"),
    "a weight lost": lambda table: table["model_state_dict"].pop("decoder.ln.bias"),
    "a weight misshapen": set_weight(torch.zeros(3)),
    "a weight that is text": set_weight("text"),
    "dimensions missing": lambda table: table.update(dims={"n_mels": 80}),
    "dimensions negative": lambda table: table["dims"].update(n_text_layer=-1),
    "unknown mel bands": lambda table: table["dims"].update(n_mels=81),
    "heads outside": lambda table: table.update(alignment_heads=[[7, 0]]),
    "heads that are text": lambda table: table.update(alignment_heads=["x"]),
    "rows of the embedding lost": lambda table: table.update(format=COMPACT_FORMAT),
}


@pytest.mark.parametrize("how", BREAKAGES)
def test_broken_tables(model, tmp_path, how):
    table = {"dims": dataclasses.asdict(model.dims), "model_state_dict": dict(model.state_dict())}
    BREAKAGES[how](table)
    torch.save(table, tmp_path / "broken.pt")
    with pytest.raises(ModelUnreadable, match=r"broken\.pt") as caught:
        load_model(str(tmp_path / "broken.pt"))
    assert "\n" not in str(caught.value)


def test_heads_that_do_not_part_the_width(model, tmp_path):
    table = {"dims": dataclasses.asdict(model.dims), "model_state_dict": dict(model.state_dict())}
    for side in ("audio", "text"):
        changed = table | {"dims": table["dims"] | {f"n_{side}_head": 3}}
        torch.save(changed, tmp_path / "broken.pt")
        with pytest.raises(ModelUnreadable, match=r"broken\.pt gives 3 heads for a width of 64"):
            load_model(str(tmp_path / "broken.pt"))


def test_a_vocabulary_of_its_own(tmp_path):
    dims = dataclasses.replace(random_model(3).dims, n_vocab=1600)
    path = save(untrained(dims), tmp_path / "own.pt")
    with pytest.raises(ModelUnreadable, match=r"own\.pt knows 1600 tokens"):
        load_model(str(path))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a checkpoint",
        b"PK\x03\x04 cut short",
        b"RIFF",
        *(bytes([i]) * 9 for i in range(256)),
    ],
)
def test_broken_files(tmp_path, content):
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(ModelUnreadable, match=r"broken\.pt"):
        load_model(str(tmp_path / "broken.pt"))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (shutil.rmtree, (str(tmp_path),))

    torch.save({"dims": Trap(), "model_state_dict": {}}, tmp_path / "trap.pt")
    with pytest.raises(ModelUnreadable):
        load_model(str(tmp_path / "trap.pt"))
    assert (tmp_path / "trap.pt").exists()


def test_broken_directories(directory):
    (directory / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(ModelUnreadable, match="safetensors"):
        load_model(str(directory))
    (directory / "model.safetensors").unlink()
    with pytest.raises(ModelUnreadable, match=r"holds no model\.safetensors"):
        load_model(str(directory))
    index = directory / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "../../secret.safetensors"}}')
    with pytest.raises(ModelUnreadable, match="outside"):
        load_model(str(directory))
    (directory / "config.json").write_text("{")
    with pytest.raises(ModelUnreadable, match="JSON"):
        load_model(str(directory))
    (directory / "config.json").write_text("{}")
    with pytest.raises(ModelUnreadable, match="not a Whisper model's"):
        load_model(str(directory))


def test_precision(model, tmp_path):
    path = str(save(model, tmp_path / "a.pt"))
    assert load_model(path, precision="bf16").card.precision == "bf16"
    with pytest.raises(ValueError, match="precision must be"):
        load_model(path, precision="fp4")

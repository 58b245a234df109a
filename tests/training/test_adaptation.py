"""Fine-tuning: manifests are read, windows packed, weights learnt, adapters stored as PEFT does."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
from safetensors.torch import load_file
from whisper.model import ModelDimensions, Whisper

from decoding.loading.loader import load_model
from training import lora
from training.adaptation import (
    AdaptationOptions,
    ExamplesUnusable,
    News,
    Progress,
    Step,
    adapt,
    batch_loss,
    divided,
    pack,
    save_model,
)
from training.demonstration import Speech, write_speech, write_wav
from training.evaluation import named
from training.export import CheckpointUnreadable
from training.manifest import Example, ManifestUnreadable, load_examples, read_manifest
from training.vocabulary import tokenizer

DIMENSIONS = ModelDimensions(80, 1_500, 32, 2, 1, 51_864, 64, 32, 2, 1)


def tiny() -> Whisper:
    torch.manual_seed(0)
    model = Whisper(DIMENSIONS)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.05)
    return model.eval()


def example(text: str, seconds: float = 2.0) -> Example:
    sound = np.sin(np.arange(int(seconds * 16_000)) / 9).astype(np.float32) * np.float32(0.2)
    return Example(sound, text, (0.1, seconds - 0.1))


EXAMPLES = [example(f"We saw the {word}.") for word in ("dog", "cat", "house", "book")]


def write_manifest(folder: Path, *rows: object) -> Path:
    path = folder / "m.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), "utf-8")
    return path


def test_manifest_gives_sound_text_and_where_speech_is(tmp_path: Path) -> None:
    tone = (np.sin(np.arange(16_000) / 9) * 9_000).astype(np.int16)
    write_wav(tmp_path / "a.wav", tone)
    path = write_manifest(
        tmp_path,
        {"audio": "a.wav", "text": " Hello. "},
        {"audio": "a.wav", "text": "Hello.", "start": 0.5, "end": 1.0},
    )
    whole, part = load_examples(read_manifest(path))
    assert whole.text == "Hello."
    assert whole.seconds == pytest.approx(1.6, abs=0.01)
    assert whole.speech == pytest.approx((0.28, 1.32), abs=0.01)
    assert part.seconds == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "m.jsonl:1 is not JSON"),
        ("[]", "not an object"),
        ({"text": "a"}, "has no audio"),
        ({"audio_filepath": "a.wav", "text": "a"}, r"no audio \(it has audio_filepath, text\)"),
        ({}, r"has no audio \(it has nothing\)"),
        ({"audio": "a.wav", "text": " "}, "text must be a text that is not empty"),
        ({"audio": 1, "text": "a"}, "audio must be a text that is not empty, got 1"),
        ({"audio": "b.wav", "text": "a"}, "there is no file"),
        ({"audio": "a.wav", "text": "a", "start": "x"}, "start must be seconds"),
        ('{"audio": "a.wav", "text": "a", "end": NaN}', "end must be seconds"),
        ({"audio": "a.wav", "text": "a", "start": 2, "end": 1}, "end must come after start"),
        ("", "holds no examples"),
    ],
)
def test_unusable_lines_are_named(row: object, reason: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.ones(1_600, np.int16))
    with pytest.raises(ManifestUnreadable, match=reason):
        read_manifest(write_manifest(tmp_path, row))


def test_a_manifest_may_begin_with_a_byte_order_mark_and_hold_any_line_separator(
    tmp_path: Path,
) -> None:
    write_wav(tmp_path / "a.wav", np.ones(1_600, np.int16))
    path = tmp_path / "m.jsonl"
    row = json.dumps({"audio": "a.wav", "text": "one\u2028two"}, ensure_ascii=False)
    path.write_bytes(f"\ufeff{row}\r\n{row}\r\n".encode())
    assert [line.text for line in read_manifest(path)] == ["one\u2028two"] * 2


def test_a_manifest_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes('{"text": "Ångström"}'.encode("latin-1"))
    with pytest.raises(ManifestUnreadable, match="not UTF-8"):
        read_manifest(tmp_path / "m.jsonl")


def test_missing_manifest_and_unreadable_or_long_sound_are_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestUnreadable, match="cannot read the manifest"):
        read_manifest(tmp_path / "none.jsonl")
    (tmp_path / "noise.wav").write_bytes(b"not sound")
    write_wav(tmp_path / "long.wav", np.ones(16_000 * 31, np.int16))
    for name, reason in (("noise.wav", "noise.wav"), ("long.wav", "at most 30 s")):
        path = write_manifest(tmp_path, {"audio": name, "text": "a"})
        with pytest.raises(ManifestUnreadable, match=reason):
            load_examples(read_manifest(path))


def test_packing_uses_every_example_once_and_keeps_order_and_times() -> None:
    examples = [example(f"number {n}", 7.0) for n in range(9)]
    windows = pack(examples, tokenizer(), 1.0, random.Random(0))
    whisper = tokenizer()
    texts = [whisper.decode_with_timestamps(list(window.said)) for window in windows]
    said = " ".join(whisper.decode([t for t in w.said if t < whisper.eot]) for w in windows)
    assert sorted(said.split()) == sorted(" ".join(e.text for e in examples).split())
    assert all(text.startswith("<|0.10|> number") for text in texts)
    assert all(text.endswith("<|endoftext|>") for text in texts)
    assert len(windows) == 3


def test_windows_without_timestamps_say_so() -> None:
    (window,) = pack(EXAMPLES, tokenizer(), 0.0, random.Random(0))
    assert window.prefix[-1] == tokenizer().no_timestamps
    assert max(window.said) == tokenizer().eot


def test_whole_model_learns_and_is_saved_for_openai_whisper(tmp_path: Path) -> None:
    model = tiny()
    options = AdaptationOptions(rate=2e-2, epochs=5, batch=1, patience=5)
    adapted = adapt(model, EXAMPLES, EXAMPLES[:1], options, lambda progress: None)
    assert len(adapted.epochs) == 5
    assert adapted.epochs[-1].loss < adapted.epochs[0].loss - 0.05
    path = save_model(model, tmp_path)
    assert load_model(str(path)).card.parameters > 0
    theirs = whisper.load_model(str(path), device="cpu").state_dict()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(theirs[name], value.half().float(), rtol=0, atol=0)


@pytest.mark.parametrize("where", ["inside", "beside"])
def test_heads_that_time_words_outlive_fine_tuning(where: str, tmp_path: Path) -> None:
    base = save_model(tiny(), tmp_path / "base")
    checkpoint = torch.load(base, weights_only=True)
    assert checkpoint.pop("alignment_heads") == [[0, 0], [0, 1]]  # as usual: all of the upper half
    if where == "inside":
        checkpoint["alignment_heads"] = [[0, 1]]
    else:
        base.with_name("model.pt.heads.json").write_text("[[0, 1]]", "utf-8")
    torch.save(checkpoint, base)
    saved = save_model(named(str(base)), tmp_path / "tuned")
    assert load_model(str(saved)).alignment_heads == ((0, 1),)


def test_heads_that_a_model_does_not_have_are_refused(tmp_path: Path) -> None:
    base = save_model(tiny(), tmp_path)
    base.with_name("model.pt.heads.json").write_text("[[9, 9]]", "utf-8")
    torch.save({k: v for k, v in torch.load(base).items() if k != "alignment_heads"}, base)
    with pytest.raises(CheckpointUnreadable, match="heads"):
        named(str(base))


def test_every_step_and_every_epoch_is_told() -> None:
    told: list[News] = []
    long = [example(e.text, 29.0) for e in EXAMPLES]
    options = AdaptationOptions(rate=1e-3, epochs=1, batch=3)
    adapt(tiny(), long, EXAMPLES[:1], options, told.append)
    steps = [(news.heard, news.windows) for news in told if isinstance(news, Step)]
    assert steps == [(3, 4), (4, 4)]
    assert isinstance(told[-1], Progress)
    assert told[-1].plain()["epoch"] == 1


def test_one_example_in_ten_is_kept_for_validation() -> None:
    numbered = [example(str(n), 1.0) for n in range(21)]
    learnt, kept = divided(numbered)
    assert [e.text for e in kept] == ["0", "10", "20"]
    assert len(learnt) == 18
    with pytest.raises(ExamplesUnusable, match="one example"):
        divided(numbered[:1])


@pytest.mark.parametrize(
    ("training", "validation", "reason"),
    [
        ([example("the" + " dog" * 299)], EXAMPLES, "302 tokens is too long"),
        (EXAMPLES, [example("Um.")], "hold no words"),
        (EXAMPLES, [], "hold no words"),
    ],
)
def test_examples_that_cannot_be_learnt_from_are_refused_at_once(
    training: list[Example], validation: list[Example], reason: str
) -> None:
    told: list[News] = []
    with pytest.raises(ExamplesUnusable, match=reason):
        adapt(tiny(), training, validation, AdaptationOptions(), told.append)
    assert not told


def test_training_stops_when_nothing_gets_better_and_keeps_the_best() -> None:
    model = tiny()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    options = AdaptationOptions(rate=1e-9, epochs=9, patience=2)
    adapted = adapt(model, EXAMPLES, EXAMPLES[:1], options, lambda progress: None)
    assert len(adapted.epochs) == 2
    assert adapted.best == adapted.before
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, start[name], rtol=0, atol=0)


def test_accumulated_batches_make_the_step_of_one_large_batch() -> None:
    results = []
    for batch, accumulate in ((4, 1), (1, 4)):
        model = tiny()
        long = [example(e.text, 29.0) for e in EXAMPLES]
        windows = pack(long, tokenizer(), 0.0, random.Random(0))
        for part in range(0, 4, batch):
            (batch_loss(model, windows[part : part + batch]) / accumulate).backward()
        results.append(model.encoder.conv1.weight.grad)
    torch.testing.assert_close(results[0], results[1], atol=2e-3, rtol=0.1)


def test_an_adapter_leaves_the_base_alone_and_is_stored_as_peft_does(tmp_path: Path) -> None:
    model = tiny()
    base = model.decoder.blocks[0].mlp[0].weight.detach().clone()
    lora_options = lora.LoraOptions(rank=2, alpha=4)
    options = AdaptationOptions(adapter=lora_options, rate=5e-3, epochs=1, batch=1)
    adapt(model, EXAMPLES, EXAMPLES[:1], options, lambda progress: None)
    original = model.decoder.blocks[0].mlp[0].parametrizations.weight.original
    torch.testing.assert_close(original, base, rtol=0, atol=0)
    lora.save_adapter(model, lora_options, "demo", tmp_path)
    stored = load_file(tmp_path / "adapter_model.safetensors")
    name = "base_model.model.model.decoder.layers.0.encoder_attn.q_proj.lora_A.weight"
    assert stored[name].shape == (2, 32)
    assert len(stored) == 2 * (6 + 10)
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert config["peft_type"] == "LORA"
    assert config["r"] == 2


def test_our_loader_merges_the_adapter_that_was_trained(tmp_path: Path) -> None:
    model = tiny()
    save_model(model, tmp_path / "base")
    options = lora.LoraOptions(rank=2, alpha=4)
    lora.attach(model, options)
    torch.manual_seed(5)
    for name, weight in model.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(weight, std=0.1)
    lora.save_adapter(model, options, "base", tmp_path / "adapter")
    path = str(tmp_path / "base" / "model.pt")
    merged = load_model(path, precision="fp32", adapter=tmp_path / "adapter")
    mel = torch.randn(1, 80, 3_000)
    with torch.inference_mode():
        plain = load_model(path, precision="fp32").encoder(mel)
        torch.testing.assert_close(merged.encoder(mel), model.encoder(mel), atol=2e-2, rtol=2e-2)
        assert (merged.encoder(mel) - plain).abs().max() > 0.1


@pytest.mark.parametrize("wrong", [{"targets": ("nothing",)}, {"rank": 0}])
def test_impossible_adapters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="got"):
        lora.LoraOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"rate": 0.0}])
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"epochs|rate"):
        AdaptationOptions(**wrong)  # type: ignore[arg-type]


def test_demonstration_speaks_in_held_out_voices_only(tmp_path: Path) -> None:
    path = write_speech(tmp_path, "train", 4, "training", Speech())
    assert len(load_examples(read_manifest(path))) == 4

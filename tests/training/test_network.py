"""Our forward pass, losses and small softmax agree with openai-whisper's own."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
from whisper.audio import log_mel_spectrogram
from whisper.model import ModelDimensions, Whisper

from training.batches import Batch, collate, largest_offset, log_mel
from training.export import (
    COMPACT_FORMAT,
    CheckpointUnreadable,
    as_whisper,
    compact,
    expand,
    export_weights,
    read_checkpoint,
    start_from,
)
from training.labels import Labeller, LabelStyle, PhonemeTable
from training.losses import LossWeights, losses
from training.network import Shape, TrainedWhisper
from training.stream import Stream, StreamOptions, lengths_at
from training.synthesis import synthesiser
from training.vocabulary import WHISPER_VOCABULARY, tokenizer, vocabulary, word_tokens
from training.windows import TrainingWindow

SMALL = Shape(width=48, layers=3, heads=2)
ASSET = Path(__file__).parents[2] / "transcription" / "assets" / "demo.pt"


@pytest.fixture(scope="module")
def model() -> TrainedWhisper:
    torch.manual_seed(0)
    return TrainedWhisper(SMALL, vocabulary())


@pytest.fixture(scope="module")
def batch() -> Batch:
    options = StreamOptions(seed=1, bank=12, audio_per_batch=12.0)
    stream = Stream(options, vocabulary(), PhonemeTable(), synthesiser())
    return stream.batch(lengths_at(0.0, is_fresh=True))


def exported(model: TrainedWhisper) -> Whisper:
    checkpoint = as_whisper(model.state_dict(), SMALL, vocabulary())
    theirs = Whisper(ModelDimensions(**checkpoint["dims"]))
    theirs.load_state_dict({k: v.float() for k, v in checkpoint["model_state_dict"].items()})
    return theirs.eval()


def test_spectrogram_is_whispers() -> None:
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32))
    torch.testing.assert_close(log_mel(sound[None])[0], log_mel_spectrogram(sound))


def test_forward_is_whispers(model: TrainedWhisper) -> None:
    torch.manual_seed(1)
    mel = torch.randn(1, 80, 3_000)
    rows = torch.randint(0, vocabulary().size, (1, 9))
    with torch.inference_mode():
        heard = model.encode(mel, torch.tensor([0]))
        states = model.decode(rows, heard.last).states
        torch.testing.assert_close(heard.last, model.whisper.encoder(mel), atol=1e-4, rtol=1e-4)
        ours = states @ model.embedding.T
        theirs = model.whisper.decoder(rows, heard.last)
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_small_softmax_gives_the_probabilities_of_the_large_one(model: TrainedWhisper) -> None:
    torch.manual_seed(2)
    states = torch.randn(3, SMALL.width)
    small = states @ model.embedding.detach().T
    small[:, -1] += vocabulary().log_junk_count
    large = states @ model.embedding.detach()[vocabulary().rows].T
    active = list(vocabulary().tokens)
    torch.testing.assert_close(
        small.softmax(-1)[:, :-1], large.softmax(-1)[:, active], atol=1e-6, rtol=1e-4
    )


def test_vocabulary_covers_every_word_and_ends_with_timestamps() -> None:
    known = vocabulary()
    rows = known.rows[list(word_tokens("Chicago,")) + list(word_tokens("keyboard?"))]
    assert (rows != known.junk).all()
    assert known.tokens[known.first_timestamp] == tokenizer().timestamp_begin
    assert len(known.rows) == WHISPER_VOCABULARY
    assert known.size < 6_000


def test_losses_fall_when_the_batch_is_learnt(batch: Batch) -> None:
    torch.manual_seed(3)
    model = TrainedWhisper(SMALL, vocabulary())
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    shown = []
    for _ in range(12):
        result = losses(model, batch, vocabulary(), LossWeights())
        optimiser.zero_grad()
        result.total.backward()
        optimiser.step()
        shown.append(result.shown)
    assert shown[-1]["token_loss"] < 0.7 * shown[0]["token_loss"]
    assert shown[-1]["guide"] < shown[0]["guide"]
    assert shown[-1]["loss"] < shown[0]["loss"]


def test_heads_alone_leave_the_rest_as_it_is(batch: Batch) -> None:
    torch.manual_seed(4)
    model = TrainedWhisper(SMALL, vocabulary())
    only_frames = LossWeights(phonemes=1.0, words=1.0, guide=0.0, guide_previous=0.0)
    whole = losses(model, batch, vocabulary(), only_frames, heads_only=True)
    token = whole.shown["token_loss"]
    model.zero_grad()
    (whole.total).backward()
    with_heads = model.whisper.encoder.conv1.weight.grad.clone()
    model.zero_grad()
    plain = LossWeights(phonemes=0.0, words=0.0, guide=0.0, guide_previous=0.0)
    result = losses(model, batch, vocabulary(), plain, heads_only=True)
    result.total.backward()
    torch.testing.assert_close(with_heads, model.whisper.encoder.conv1.weight.grad)
    assert result.shown["token_loss"] == pytest.approx(token)
    assert whole.total.item() > result.total.item()


def test_an_offset_moves_timestamps_but_not_prompts() -> None:
    labels = Labeller(vocabulary(), PhonemeTable(), LabelStyle(timestamps=1.0, prompts=0.0))
    window = TrainingWindow(np.zeros(16_000 * 3, np.float32), ())
    label = labels.label(window, [], random.Random(0))
    made = collate([window], [label], [100], vocabulary())
    first = vocabulary().first_timestamp
    assert made.read[0, 1].item() == label.read[1] + 100
    assert label.read[1] == first
    assert largest_offset(3.0) == 1_350
    assert largest_offset(30.0) == 0


def test_compact_and_large_form_carry_the_same_model(model: TrainedWhisper) -> None:
    small = export_weights(model.state_dict(), SMALL, vocabulary())
    large = expand(small)
    assert small["format"] == COMPACT_FORMAT
    again = expand(compact(large))
    for name, value in large["model_state_dict"].items():
        torch.testing.assert_close(again["model_state_dict"][name], value, rtol=0, atol=0)
    assert len(compact(large)["token_rows"]) <= vocabulary().size


def test_a_model_starts_from_what_was_exported(model: TrainedWhisper) -> None:
    checkpoint = as_whisper(model.state_dict(), SMALL, vocabulary())
    torch.manual_seed(9)
    other = TrainedWhisper(SMALL, vocabulary())
    start_from(other, checkpoint, vocabulary())
    torch.testing.assert_close(other.embedding, model.embedding, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        other.whisper.encoder.conv1.weight, model.whisper.encoder.conv1.weight, atol=1e-3, rtol=1e-2
    )


def test_a_checkpoint_of_another_shape_is_refused(model: TrainedWhisper) -> None:
    other = TrainedWhisper(Shape(width=32, layers=1, heads=1), vocabulary())
    with pytest.raises(CheckpointUnreadable, match="another shape"):
        start_from(other, as_whisper(model.state_dict(), SMALL, vocabulary()), vocabulary())


@pytest.mark.parametrize(
    ("broken", "reason"),
    [({"a": 1}, "missing"), ({"dims": {}, "model_state_dict": {}, "format": "x"}, "unknown")],
)
def test_other_files_are_refused(broken: dict[str, object], reason: str, tmp_path: Path) -> None:
    torch.save(broken, tmp_path / "x.pt")
    with pytest.raises(CheckpointUnreadable, match=reason):
        read_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [None, b"", b"RIFF\x00\x00WAVEfmt ", b"\x80\x02}q"])
def test_what_is_no_checkpoint_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointUnreadable, match="cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_shipped_model_is_small_and_loads_with_openai_whisper(tmp_path: Path) -> None:
    assert ASSET.stat().st_size <= 16_000_000
    torch.save(read_checkpoint(ASSET), tmp_path / "large.pt")
    loaded = whisper.load_model(str(tmp_path / "large.pt"), device="cpu")
    assert loaded.dims.n_vocab == WHISPER_VOCABULARY
    assert not loaded.is_multilingual

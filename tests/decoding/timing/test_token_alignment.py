"""Word times against openai-whisper's."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from whisper.timing import dtw_cpu, find_alignment, median_filter

from decoding.model.mel import LogMel
from decoding.model.text_decoder import padded
from decoding.timing import token_alignment
from decoding.timing.dtw import token_frames
from decoding.timing.token_alignment import (
    Alignment,
    AlignmentRequest,
    AlignmentText,
    Ends,
    _cost,
    _median,
    audio_frames,
    read_again,
)
from decoding.timing.words import split_at_timestamps, to_words
from decoding.types import CLIP_SAMPLES, SAMPLE_RATE
from tests.decoding.oracle import demo_oracle, openai_mel, openai_words
from tests.decoding.speech import speak, window

TEXTS = [
    " The old harbour was quiet in the early morning, and the boats had not yet come back.",
    ' She said: "Seven people (and a dog) were waiting." Was it late? No.',
]


def align(model, audio, readings, length=None):
    """Times of the tokens of all readings; `length` to which several are padded."""
    texts = [AlignmentText.of(model, one) for one in readings]
    tokens = torch.tensor(padded([one.tokens for one in texts], length))
    frames, ends = readings[0].frames, None
    if len(readings) > 1 or length:
        counts = [(len(text.tokens), one.frames) for text, one in zip(texts, readings, strict=True)]
        frames, ends = 1500, Ends(*torch.tensor(counts).unbind(1))
    found = read_again(model, tokens, audio, texts[0].first, frames, ends)
    alignment = Alignment(readings, texts, *found)
    return [alignment.times(at) for at in range(len(readings))]


def audio_of(model, samples):
    mel = LogMel(80, torch.device("cpu"))([samples])
    features, layers = model.encoder(mel), range(model.dimensions.n_text_layer)
    return [model.decoder.cross_attention_kv(layer, features) for layer in layers]


@pytest.fixture
def no_faint_frames(monkeypatch):
    """openai-whisper's own rule: every frame counts alike."""
    monkeypatch.setattr(token_alignment, "FAINT", 0.0)


@pytest.mark.usefixtures("no_faint_frames")
@pytest.mark.parametrize("text", TEXTS)
def test_token_times_are_openais(demo, text):
    samples = window(0, 2)
    tokenizer = demo.vocabulary.tokenizer("en", "transcribe")
    tokens = tokenizer.encode(text)
    theirs = find_alignment(
        demo_oracle(), tokenizer, tokens, openai_mel(samples), len(samples) // 160
    )
    reading = AlignmentRequest(tokenizer.sot_sequence, tuple(tokens), audio_frames(len(samples)))
    with torch.inference_mode():
        times = align(demo, audio_of(demo, samples), [reading])[0]
    at = 0
    for word in theirs:
        after = at + len(word.tokens)
        assert times.starts[at] == pytest.approx(word.start, abs=0.0201)
        assert times.starts[after] == pytest.approx(word.end, abs=0.0201)
        assert np.mean(times.probabilities[at:after]) == pytest.approx(word.probability, abs=1e-4)
        at = after


@pytest.mark.usefixtures("no_faint_frames")
def test_words_are_openais(demo):
    """The whole of it: timestamps, punctuation, pauses, through openai-whisper's own function."""
    samples = window(0, 3)
    vocabulary = demo.vocabulary
    tokenizer = vocabulary.tokenizer("en", "transcribe")
    begin = vocabulary.timestamp_begin
    first, second = tokenizer.encode(TEXTS[0]), tokenizer.encode(TEXTS[1])
    tokens = [begin, *first, begin + 260, begin + 280, *second, begin + 600]
    found = split_at_timestamps(tokens, vocabulary, len(samples) / 16_000)
    assert [(one.start, one.end) for one in found] == [(0.0, 5.2), (5.6, 12.0)]
    text = tuple(first + second)
    reading = AlignmentRequest(tokenizer.sot_sequence, text, audio_frames(len(samples)))
    with torch.inference_mode():
        times = align(demo, audio_of(demo, samples), [reading])[0]
    ours = to_words(found, times, tokenizer, vocabulary.eot)
    theirs = openai_words(demo_oracle(), tokenizer, samples, found)
    assert [word.text for word in ours] == [word["word"] for word in theirs]
    for word, expected in zip(ours, theirs, strict=True):
        assert word.start == pytest.approx(expected["start"], abs=0.0201)
        assert word.end == pytest.approx(expected["end"], abs=0.0201)
    assert tuple(token for word in ours for token in word.tokens) == text


def test_a_long_silence_before_speech_moves_no_word(demo):
    """Frames that no token looks at must not draw the path: the sentence stays together."""
    tokenizer = demo.vocabulary.tokenizer("en", "transcribe")
    sentence = "Linda took the door and the price at ten in the evening."
    tokens = tuple(tokenizer.encode(" " + sentence))
    spoken, starts = speak(sentence), []
    for silence in (0.5, 20.0):
        samples = np.zeros(CLIP_SAMPLES, np.float32)
        first = round(silence * SAMPLE_RATE)
        samples[first : first + len(spoken)] = spoken
        reading = AlignmentRequest(tokenizer.sot_sequence, tokens, audio_frames(len(samples)))
        with torch.inference_mode():
            times = align(demo, audio_of(demo, samples), [reading])[0]
        starts.append(times.starts[1:-1] - silence)  # the first token's start is the window's
    assert np.abs(starts[1] - starts[0]).max() < 0.15


def test_readings_together_are_readings_alone(demo):
    """Rows of different length, padded into one batch."""
    samples = [window(0, 2), window(2, 1)]
    start = demo.vocabulary.tokenizer("en", "transcribe").sot_sequence
    encode = demo.vocabulary.tokenizer("en", "transcribe").encode
    readings = [
        AlignmentRequest(start, tuple(encode(text)), audio_frames(len(one)))
        for text, one in zip(TEXTS, samples, strict=True)
    ]
    with torch.inference_mode():
        audio = [audio_of(demo, one) for one in samples]
        alone = [
            align(demo, one, [reading])[0] for one, reading in zip(audio, readings, strict=True)
        ]
        both = [
            tuple(torch.cat(parts) for parts in zip(*layer, strict=True))
            for layer in zip(*audio, strict=True)
        ]
        together = align(demo, both, readings)
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.starts - other.starts).max() <= 0.02
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


@pytest.mark.usefixtures("no_faint_frames")
def test_padding_of_text_and_sound_counts_in_nothing(demo):
    """A reading whose text is padded and whose sound is looked at to its end, silence and all."""
    samples = window(2, 1)
    tokenizer = demo.vocabulary.tokenizer("en", "transcribe")
    text = tuple(tokenizer.encode(TEXTS[1]))
    reading = AlignmentRequest(tokenizer.sot_sequence, text, audio_frames(len(samples)))
    with torch.inference_mode():
        audio = audio_of(demo, samples)
        alone, padded_ = (align(demo, audio, [reading], length)[0] for length in (None, 64))
    assert padded_.starts.tolist() == alone.starts.tolist()
    assert padded_.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


@pytest.mark.parametrize("frames", [1, 3, 4, 50])
def test_costs_of_padded_rows_are_those_of_rows_alone(frames):
    """The mean, the spread and the median's edges end where the row ends."""
    scores = torch.randn(2, 3, 9, 60, generator=torch.Generator().manual_seed(frames))
    whole = _cost(scores, Ends(torch.tensor([9, 5]), torch.tensor([60, frames])))
    torch.testing.assert_close(whole[0], _cost(scores[:1])[0], atol=1e-5, rtol=1e-5)
    alone = _cost(scores[1:, :, :5, :frames])[0]
    torch.testing.assert_close(whole[1, :5, :frames], alone, atol=1e-5, rtol=1e-5)


def test_text_beyond_the_context_gets_the_last_time(small):
    samples = window(0, 1)
    start = small.vocabulary.tokenizer("en", "transcribe").sot_sequence
    reading = AlignmentRequest(start, tuple(range(100, 200)), audio_frames(len(samples)))
    with torch.inference_mode():
        times = align(small, audio_of(small, samples), [reading])[0]
    assert len(times.starts) == 101
    assert (times.starts[59:] == times.starts[-1]).all()
    assert (times.probabilities[59:] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 3), (12, 200), (60, 700)])
def test_warping_is_openais(shape):
    cost = np.random.default_rng(shape[0]).standard_normal(shape)
    text, time = dtw_cpu(cost)
    first = np.pad(np.diff(text), (1, 0), constant_values=1).astype(bool)
    assert token_frames(cost).tolist() == time[first].tolist()


@pytest.mark.parametrize("frames", [1, 3, 4, 50])
def test_median_is_openais(frames):
    weights = torch.randn(2, 5, frames)
    assert torch.equal(_median(weights), median_filter(weights, 7))


def test_median_of_every_order_of_seven():
    orders = torch.tensor(list(permutations(range(7)))).float()
    assert (_median(orders)[:, 3] == 3).all()


def test_mel_is_openais():
    samples = window(1, 2)
    whole = (samples * 32767).astype(np.int16)
    ours = LogMel(80, torch.device("cpu"))([samples, whole, samples[:999]])
    assert torch.allclose(ours[0], openai_mel(samples), atol=1e-6)
    assert torch.allclose(ours[1], openai_mel(whole.astype(np.float32) / 32768), atol=1e-6)
    assert torch.allclose(ours[2], openai_mel(samples[:999]), atol=1e-6)


def test_stretches_of_text_without_timestamps(demo):
    found = split_at_timestamps([100, 200, demo.vocabulary.eot + 3], demo.vocabulary, 7.5)
    assert [(one.start, one.end, one.tokens) for one in found] == [(0.0, 7.5, (100, 200))]

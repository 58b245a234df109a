"""Labels say in Whisper's tokens what a window holds."""

import itertools
import random

import numpy as np
import pytest

from training.labels import IGNORED, Labeller, Labels, LabelStyle, PhonemeTable
from training.synthesis import Phoneme, Spoken, SpokenWord
from training.vocabulary import tokenizer, vocabulary
from training.windows import TrainingWindow, Utterance

ALWAYS = LabelStyle(timestamps=1.0, prompts=0.0, wrong_token=0.0, wrong_timestamp=0.0)
NEVER = LabelStyle(timestamps=0.0, prompts=0.0, wrong_token=0.0, wrong_timestamp=0.0)
ASKED = LabelStyle(timestamps=1.0, prompts=1.0, wrong_token=0.0, wrong_timestamp=0.0)


def utterance(start: float, *texts: str, **more: object) -> Utterance:
    words = tuple(
        SpokenWord(t, start + i * 0.5, start + i * 0.5 + 0.5) for i, t in enumerate(texts)
    )
    phonemes = (Phoneme("h", start), Phoneme("_:", start + 0.4))
    return Utterance(words, phonemes, **more)  # type: ignore[arg-type]


def window(*utterances: Utterance) -> TrainingWindow:
    return TrainingWindow(np.zeros(16_000 * 6, np.float32), utterances)


def label(made: TrainingWindow, style: LabelStyle, seed: int = 0) -> Labels:
    spoken = Spoken(np.zeros(16_000, np.int16), (SpokenWord("Thanks.", 0.0, 1.0),), ())
    labeller = Labeller(vocabulary(), PhonemeTable(), style)
    return labeller.label(made, [spoken], random.Random(seed))


def shown(rows: tuple[int, ...]) -> str:
    tokens = [vocabulary().tokens[row] for row in rows if row != IGNORED]
    return str(tokenizer().decode_with_timestamps(tokens))


def test_sentences_stand_between_timestamps() -> None:
    made = window(utterance(0.5, "The", "dog."), utterance(2.0, "No."))
    labels = label(made, ALWAYS)
    text = "<|0.50|> The dog.<|1.50|><|2.00|> No.<|2.50|><|endoftext|>"
    assert shown(labels.answer) == text
    assert shown(labels.read) == "<|startoftranscript|>" + text.removesuffix("<|endoftext|>")


def test_a_cut_sentence_has_its_words_but_no_end() -> None:
    made = window(utterance(0.5, "No."), utterance(5.0, "The", "dog", is_cut=True))
    assert shown(label(made, ALWAYS).answer).endswith("<|1.00|><|5.00|> The dog<|endoftext|>")


def test_without_timestamps_there_are_none() -> None:
    labels = label(window(utterance(0.5, "The", "dog.")), NEVER)
    assert shown(labels.read) == "<|startoftranscript|><|notimestamps|> The dog."
    assert labels.answer[0] == IGNORED
    assert shown(labels.answer) == " The dog.<|endoftext|>"


@pytest.mark.parametrize("style", [ALWAYS, NEVER])
def test_a_window_without_speech_says_so(style: LabelStyle) -> None:
    labels = label(window(), style)
    assert shown(labels.answer) == "<|nospeech|><|endoftext|>"
    assert len(labels.read) == len(labels.answer) == 2


def test_every_answer_follows_what_was_read() -> None:
    labels = label(window(utterance(0.5, "Chicago", "keyboard.")), ALWAYS)
    assert labels.read[1:] == labels.answer[:-1]
    assert len(labels.intervals) == len(labels.answer)


def test_tokens_share_the_time_of_their_word() -> None:
    labels = label(window(utterance(1.0, "software", "keyboards.")), ALWAYS)
    times = [interval for interval in labels.intervals if interval is not None]
    assert times[0] == (1.0, 1.0)
    assert times[-1] == (2.0, 2.0)
    assert times[-2] == (2.0, 6.0)  # the full stop has the pause behind it
    times.pop(-2)
    assert all(a[1] == pytest.approx(b[0]) for a, b in itertools.pairwise(times))


def test_frames_name_phonemes_and_words() -> None:
    table = PhonemeTable()
    labels = Labeller(vocabulary(), table, ALWAYS).label(
        window(utterance(1.0, "dog")), [], random.Random(0)
    )
    assert table.names == ("h",)
    assert set(labels.phonemes[50:69]) == {1}
    assert not labels.phonemes[:49].any()
    assert not labels.phonemes[71:].any()
    dog = int(vocabulary().rows[tokenizer().encode(" dog")[0]])
    assert set(labels.words[51:74]) == {dog}
    assert dog not in labels.words[:50]


def test_prompts_stand_first_and_are_not_asked_for() -> None:
    made = window(utterance(0.0, "the", "cat.", missing=("We", "saw")))
    labels = [label(made, ASKED, seed) for seed in range(30)]
    for one in labels:
        assert len(one.read) < 448
        assert all(answer == IGNORED for answer in one.answer[: one.prompt_length])
        if one.prompt_length:
            assert shown(one.read[:1]) == "<|startofprev|>"
            assert shown(one.read[one.prompt_length :]).startswith("<|startoftranscript|>")
    begun = [o for o in labels if shown(o.read[: o.prompt_length]).endswith(" We saw")]
    assert len(begun) > 5


def test_some_tokens_are_misread_but_never_asked_for_wrongly() -> None:
    style = LabelStyle(timestamps=1.0, prompts=0.0, wrong_token=0.5, wrong_timestamp=0.5)
    made = window(
        utterance(0.5, *["The", "dog", "saw", "the", "cat", "and", "we", "saw", "the", "dog"])
    )
    labels = label(made, style)
    assert shown(labels.answer) == shown(label(made, ALWAYS).answer)
    assert labels.read != label(made, ALWAYS).read


def test_text_may_follow_an_early_first_timestamp() -> None:
    late = window(utterance(3.0, "hello"))
    first = vocabulary().first_timestamp
    seen = {label(late, ALWAYS, seed).answer[0] - first for seed in range(60)}
    assert seen == {0, 50, 150}  # the window's start, the latest that decoders allow, the truth

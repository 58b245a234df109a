from __future__ import annotations

import gc
import random
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.simulated_recogniser import REGIMES, SimulatedRecogniser
from benchmarks.simulated_recogniser import speak as spoken_by_nobody
from chunking.audit.coverage import audit
from chunking.merging.merger import Merger, merge
from chunking.merging.repair_windows import split_requests
from chunking.merging.resolution import Context, Side, resolve_window
from chunking.merging.seam_regions import Layout
from chunking.options import MergeOptions, WindowOptions
from chunking.spans import subtract, unite
from chunking.types import Piece, Span, Window, Word
from chunking.windows import plan_windows
from tests.chunking.plant import Said, chat, duration_of, hear, speak, speech_of, texts

OPTIONS = MergeOptions()
NO_REPAIR = MergeOptions(repair_rounds=0)
GRID = WindowOptions()


def cut(said, options=GRID, *, jitter=0.0, skip_silence=True):
    duration = duration_of(said)
    windows = plan_windows(speech_of(said), duration, options, skip_silence=skip_silence)
    return [hear(window, said, jitter=jitter) for window in windows]


def run_all(pieces, answer, *, options=OPTIONS, evidence=(), duration, order=None):
    """Add `pieces`, answer every request, as a pipeline does; (merged, merger, requests)."""
    merger = Merger([p.window for p in pieces], options, evidence=evidence, duration=duration)
    emitted = []
    for piece in order or pieces:
        emitted += merger.add(piece)
    asked = []
    for _ in range(2 * options.repair_rounds):  # halves are heard before what is missing is
        requests = merger.requests()
        asked += requests
        for request in requests:
            emitted += merger.add(answer(request.window))
    merged = merger.finish()
    assert tuple(emitted) == merged.words[: len(emitted)]
    return merged, merger, asked


@st.composite
def grids(draw):
    window = draw(st.sampled_from([12.0, 20.0, 30.0]))
    overlap = draw(st.floats(2.0, window / 2))
    phase = draw(st.floats(0, 0.9)) * (window - overlap)
    return WindowOptions(window, overlap, draw(st.sampled_from([0.0, phase])))


@settings(max_examples=40)
@given(grids(), st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.3]), st.booleans())
def test_perfect_windows_give_back_what_was_said(options, seed, jitter, skip_silence):
    said = chat(200, seed)
    pieces = cut(said, options, jitter=jitter, skip_silence=skip_silence)
    merged = merge(pieces, OPTIONS, evidence=speech_of(said), duration=duration_of(said))
    assert texts(merged.words) == texts(said)
    assert merged.requests == ()


@settings(max_examples=30)
@given(grids(), st.integers(0, 10_000), st.integers(1, 4))
def test_few_different_words_give_back_what_was_said(options, seed, vocabulary):
    said = chat(150, seed, vocabulary=vocabulary)
    pieces = cut(said, options, jitter=0.05)
    merged = merge(pieces, NO_REPAIR, duration=duration_of(said))
    assert texts(merged.words) == texts(said)


@settings(max_examples=20)
@given(grids(), st.integers(0, 10_000))
def test_provenance_is_unique_and_words_are_never_altered(options, seed):
    said = chat(200, seed)
    pieces = cut(said, options, jitter=0.3)
    merged = merge(pieces, OPTIONS, duration=duration_of(said))
    heard = {(w.window, w.index): w for piece in pieces for w in piece.words}
    sources = [(word.window, word.index) for word in merged.words]
    assert len(set(sources)) == len(sources)
    clock = 0.0
    for word, source in zip(merged.words, sources, strict=True):
        assert word == replace(heard[source], start=word.start, end=word.end)
        assert clock <= word.start <= word.end
        clock = word.end


@settings(max_examples=20)
@given(grids(), st.integers(0, 10_000))
def test_interior_words_are_the_very_same(options, seed):
    said = chat(200, seed)
    pieces = cut(said, options)
    merged = merge(pieces, OPTIONS, duration=duration_of(said))
    kept = set(merged.words)
    for piece in pieces:
        inside = [
            word
            for word in piece.words
            if all(
                word.start > other.window.end or word.end < other.window.start
                for other in pieces
                if other is not piece
            )
        ]
        assert set(inside) <= kept


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_order_of_pieces_leaves_no_trace(seed, dice):
    said = chat(250, seed)
    duration, evidence = duration_of(said), speech_of(said)
    pieces = damage(cut(said, jitter=0.2), random.Random(seed))
    shuffled = pieces[:]
    dice.shuffle(shuffled)

    def answer(window):
        return hear(window, said, jitter=0.2)

    first, _, asked = run_all(pieces, answer, evidence=evidence, duration=duration)
    second, _, again = run_all(pieces, answer, evidence=evidence, duration=duration, order=shuffled)
    assert first == second
    assert sorted(asked, key=str) == sorted(again, key=str)
    everything = [*pieces, *(answer(request.window) for request in asked)]
    dice.shuffle(everything)
    assert merge(everything, OPTIONS, evidence=evidence, duration=duration) == first


def lose_the_end(piece):
    return replace(piece, words=piece.words[: len(piece.words) // 2], is_truncated=True)


def lose_the_middle(piece):
    third = len(piece.words) // 3
    return replace(piece, words=piece.words[:third] + piece.words[2 * third :])


def garble_the_start(piece):
    garbled = tuple(replace(w, text=f" other{w.index}") for w in piece.words[:8])
    return replace(piece, words=garbled + piece.words[8:])


DAMAGES = (lose_the_end, lose_the_middle, garble_the_start)


def damage(pieces, dice):
    """Every kind of damage, each to some window."""
    damaged = pieces[:]
    for kind in DAMAGES:
        place = dice.randrange(len(pieces))
        damaged[place] = kind(damaged[place])
    return damaged


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_noise_damage_and_repairs_keep_every_promise(seed):
    said = [Said(w.text, w.start, w.end) for w in spoken_by_nobody(100.0, seed)]
    duration, evidence = duration_of(said), unite(speech_of(said), bridge=0.3)
    recogniser = SimulatedRecogniser(said, REGIMES[2], seed)
    overlap = (2.0, 5.0, 15.0)[seed % 3]
    windows = plan_windows(evidence, duration, WindowOptions(overlap=overlap))
    pieces = damage([recogniser.recognise(window) for window in windows], random.Random(seed))
    shuffled = random.Random(seed + 1).sample(pieces, len(pieces))
    options, around = MergeOptions(), {"evidence": evidence, "duration": duration}
    merged, merger, _ = run_all(pieces, recogniser.recognise, options=options, **around)
    assert (
        run_all(pieces, recogniser.recognise, options=options, order=shuffled, **around)[0]
        == merged
    )
    assert merge(list(merger.pieces.values()), options, **around) == merged
    sources = [(word.window, word.index) for word in merged.words]
    assert len(set(sources)) == len(sources)
    assert all(a.start <= a.end <= b.start for a, b in pairwise(merged.words))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(DAMAGES))
@example(4838, garble_the_start)  # one undamaged word of the window lies inside the region
@example(121, garble_the_start)  # a pause fills the core: all that differs lies in the guards
@example(1882, garble_the_start)  # the only word in common is two words, 0.6 s apart
@example(53, garble_the_start)  # the edge of the core parts two words for one sound
def test_repairs_bring_back_what_was_damaged(seed, kind):
    said = chat(250, seed)
    duration, evidence = duration_of(said), speech_of(said)
    pieces = cut(said, jitter=0.1)
    place = 1 + seed % (len(pieces) - 1)
    pieces[place] = kind(pieces[place])
    merged, _, _ = run_all(
        pieces, lambda window: hear(window, said), evidence=evidence, duration=duration
    )
    assert texts(merged.words) == texts(said)


def calls_of(num_words):
    """How many functions of ours a merge with gaps and repairs calls; a clock would be noise."""
    said = chat(num_words, 4)
    duration, evidence = duration_of(said), speech_of(said)
    windows = plan_windows(evidence, duration, GRID)
    pieces = [hear(window, said, jitter=0.1) for window in windows]
    pieces[1::4] = [lose_the_middle(piece) for piece in pieces[1::4]]
    pieces[2::4] = [lose_the_end(piece) for piece in pieces[2::4]]
    repairs = {}  # heard beforehand, so that hearing them is not counted

    def answer(window):
        if window.index not in repairs:
            repairs[window.index] = hear(window, said)
        return repairs[window.index]

    run_all(pieces, answer, evidence=evidence, duration=duration)
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run_all(pieces, answer, evidence=evidence, duration=duration)
    finally:
        sys.setprofile(before)
    return calls


def test_work_grows_with_the_length_alone():
    assert calls_of(4000) <= 4.4 * calls_of(1000)


# Windows of which nothing can be doubted


def test_no_windows():
    assert merge([], OPTIONS, duration=0.0).words == ()


def test_one_piece_is_identity():
    said = chat(60, 1)
    piece = hear(Window(0, 0.0, duration_of(said)), said)
    merged = merge([piece], OPTIONS, evidence=speech_of(said), duration=duration_of(said))
    assert merged.words == piece.words
    assert merged.seams == ()
    assert merged.requests == ()


@pytest.mark.parametrize("texts_said", [[], ["hello"]])
def test_nearly_nothing_said(texts_said):
    said = speak(texts_said, start=26.0)
    pieces = [hear(Window(n, 25.0 * n, 25.0 * n + 30), said) for n in range(4)]
    merged = merge(pieces, OPTIONS, duration=105.0)
    assert texts(merged.words) == texts_said
    assert len(merged.seams) == 3


def test_silent_windows_have_silent_seams():
    pieces = [hear(Window(n, 25.0 * n, 25.0 * n + 30), []) for n in range(3)]
    merged = merge(pieces, OPTIONS, duration=80.0)
    assert [seam.status for seam in merged.seams] == ["silent", "silent"]
    assert merged.requests == ()


def test_a_skipped_silence_is_a_silent_seam():
    said = [*speak(["a", "b"]), *speak(["c", "d"], start=300.0)]
    pieces = cut(said)
    merged = merge(pieces, OPTIONS, evidence=speech_of(said), duration=duration_of(said))
    assert texts(merged.words) == ["a", "b", "c", "d"]
    assert [seam.status for seam in merged.seams] == ["silent"]
    assert pieces[0].window.end < merged.seams[0].time < pieces[1].window.start


# Seams


LEFT, RIGHT = Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)


def heard_as(window, *words, probability=0.9, **figures):
    """A piece from (text, start) pairs of 0.3 s words."""
    return Piece(
        window,
        tuple(
            Word(f" {text}", start, start + 0.3, probability, (), window.index, index)
            for index, (text, start) in enumerate(words)
        ),
        **figures,
    )


def test_a_disagreement_comes_whole_from_one_side():
    left = heard_as(LEFT, ("we", 26.0), ("have", 26.5), ("25", 27.2), ("dogs", 28.2), ("x", 29.5))
    right = heard_as(
        RIGHT, ("we", 26.0), ("have", 26.5), ("twenty", 27.0), ("five", 27.4), ("dogs", 28.2)
    )
    merged = merge([left, right], OPTIONS, duration=55.0)
    text = " ".join(texts(merged.words))
    assert text in ("we have 25 dogs", "we have twenty five dogs")
    assert merged.seams[0].status == "agreed"
    assert merged.seams[0].agreeing_words == 3


def test_a_sentence_that_one_window_skipped_is_kept():
    shared = [("so", 25.6), ("then", 26.0), ("we", 29.2), ("left", 29.6)]
    sentence = [("all", 27.0), ("of", 27.4), ("them", 27.8)]
    for words in (shared[:2] + sentence + shared[2:], shared):
        other = shared if len(words) > len(shared) else shared[:2] + sentence + shared[2:]
        merged = merge([heard_as(LEFT, *words), heard_as(RIGHT, *other)], OPTIONS, duration=55.0)
        assert texts(merged.words) == ["so", "then", "all", "of", "them", "we", "left"]


def test_a_skip_without_a_hole_is_known_by_what_the_other_detector_hears():
    right = heard_as(
        RIGHT, ("so", 25.6), ("start", 26.5), ("the", 27.0), ("engine", 27.4), ("now", 27.8)
    )
    left = heard_as(LEFT, ("so", 25.6), ("now", 27.8))
    left = replace(left, words=(replace(left.words[0], end=27.7), left.words[1]))
    evidence = [Span(25.5, 28.2)]
    merged = merge([left, right], OPTIONS, evidence=evidence, duration=55.0)
    assert texts(merged.words) == ["so", "start", "the", "engine", "now"]


def test_a_longer_and_surer_hearing_is_believed():
    surer = [("see", 26.0), ("her", 26.4), ("shop", 26.8), ("at", 27.1), ("eight", 27.4)]
    garbled = [("see", 26.0), ("her", 26.4), ("topic", 26.9)]
    shared = [("in", 27.8), ("the", 28.1)]
    for is_left in (True, False):
        sides = (surer, garbled) if is_left else (garbled, surer)
        left, right = (
            heard_as(window, *words, *shared)
            for window, words in zip((LEFT, RIGHT), sides, strict=True)
        )
        unsure = right if is_left else left
        words = (*unsure.words[:2], replace(unsure.words[2], probability=0.3), *unsure.words[3:])
        pieces = (
            [left, replace(right, words=words)] if is_left else [replace(left, words=words), right]
        )
        merged = merge(pieces, OPTIONS, evidence=[Span(25.5, 28.6)], duration=55.0)
        assert texts(merged.words) == ["see", "her", "shop", "at", "eight", "in", "the"]


AROUND = [("see", 26.0), ("her", 26.4)], [("in", 27.8), ("the", 28.1)]


def heard_between(window, words, probability):
    """`words` between two pairs of words that both windows have, all of the same probability."""
    timed = [(word, 26.8 + 0.2 * place) for place, word in enumerate(words)]
    piece = heard_as(window, *AROUND[0], *timed, *AROUND[1])
    unsure = [replace(word, probability=probability) for word in piece.words[2:-2]]
    return replace(piece, words=(*piece.words[:2], *unsure, *piece.words[-2:]))


@pytest.mark.parametrize("left_is_surer", [True, False])
@pytest.mark.parametrize(
    ("surer", "other", "by", "expected"),
    [
        (["missive"], ["mists"], 0.3, ["missive"]),
        (["trying", "to", "do"], ["friends", "in"], 0.3, ["trying", "to", "do"]),
        (["missive"], ["mists", "of"], 0.3, None),  # of two hearings the one with fewer words
        (["missive"], ["mists"], 0.05, None),  # hardly surer
        (["no", "no"], ["my", "word"], 0.3, None),  # a loop
    ],
)
def test_who_is_surer_of_as_many_words_is_believed(left_is_surer, surer, other, by, expected):
    """Wherever the cut lies; else its side decides, which is the same for both orders of sides."""
    sides = (surer, 0.5 + by), (other, 0.5)
    first, second = sides if left_is_surer else sides[::-1]
    pieces = [heard_between(LEFT, *first), heard_between(RIGHT, *second)]
    merged = merge(pieces, OPTIONS, evidence=[Span(25.5, 28.6)], duration=55.0)
    is_left = merged.seams[0].time > 26.8
    expected = expected or (first if is_left else second)[0]
    assert texts(merged.words) == ["see", "her", *expected, "in", "the"]


def test_a_loop_is_no_longer_hearing():
    left = heard_as(LEFT, ("so", 25.6), ("then", 26.0), ("we", 29.2), ("left", 29.6))
    again = [("again", 26.4 + 0.4 * n) for n in range(6)]
    right = heard_as(RIGHT, ("so", 25.6), ("then", 26.0), *again, ("we", 29.2), ("left", 29.6))
    merged = merge([left, right], OPTIONS, evidence=[Span(25.5, 30.0)], duration=55.0)
    assert texts(merged.words) == ["so", "then", "we", "left"]


def test_a_longer_hearing_that_is_no_surer_does_not_win():
    left = heard_as(LEFT, ("see", 26.0), ("it", 26.5), ("once", 27.2), ("more", 27.6))
    right = heard_as(
        RIGHT,
        ("see", 26.0),
        ("a", 26.3),
        ("big", 26.6),
        ("hit", 26.9),
        ("once", 27.2),
        ("more", 27.6),
    )
    merged = merge([left, right], OPTIONS, evidence=[Span(25.5, 28.6)], duration=55.0)
    cut = merged.seams[0].time
    expected = ["a", "big", "hit"] if cut < 26.5 else ["it"]
    assert texts(merged.words) == ["see", *expected, "once", "more"]


def test_words_before_the_first_that_both_windows_have():
    """The left window skipped and misplaced what lies before "page": the right one is believed."""
    end = [("page", 27.8), ("the", 28.2), ("last", 28.6)]
    begun = [(word, 25.3 + 0.4 * n) for n, word in enumerate(["love", "the", "hot", "tea", "or"])]
    right = heard_as(RIGHT, *begun, *end)
    left = heard_as(LEFT, ("love", 27.0), ("a", 27.4), *end)
    left = replace(
        left,
        words=tuple(replace(word, probability=0.6) for word in left.words[:2]) + left.words[2:],
    )
    merged = merge([left, right], OPTIONS, evidence=[Span(25.2, 29.0)], duration=55.0)
    assert texts(merged.words) == texts(right.words)


def test_an_invented_tail_does_not_survive_its_seam():
    said = speak([f"w{n}" for n in range(120)], 4)
    pieces = cut(said)
    last = pieces[0].words[-1]
    tail = tuple(
        Word(f" thanks{n}", last.end + 0.1 * n, last.end + 0.1 * n + 0.1, 0.9, (), 0, 500 + n)
        for n in range(3)
    )
    pieces[0] = replace(pieces[0], words=pieces[0].words + tail)
    merged = merge(pieces, OPTIONS, duration=duration_of(said))
    assert texts(merged.words) == texts(said)


def test_words_of_one_side_stay_when_nobody_else_listened():
    left = heard_as(LEFT, ("only", 27.0), ("here", 27.5))
    merged = merge([left, heard_as(RIGHT, ("later", 40.0))], OPTIONS, duration=55.0)
    assert texts(merged.words) == ["only", "here", "later"]
    assert merged.seams[0].status == "voted"


def test_words_of_one_side_go_when_two_witnesses_hear_nothing():
    left = heard_as(LEFT, ("early", 3.0), ("thank", 27.0), ("you", 27.5))
    right = heard_as(RIGHT, ("later", 40.0))
    evidence = [Span(3.0, 3.3), Span(40.0, 40.3)]
    merged = merge([left, right], OPTIONS, evidence=evidence, duration=55.0)
    assert texts(merged.words) == ["early", "later"]


def disagreeing_pieces(said):
    """Two windows that share no word where they overlap."""
    left, right = hear(LEFT, said), hear(RIGHT, said)
    words = tuple(
        replace(w, text=f" left{w.index}") if w.end > RIGHT.start - 1 else w for w in left.words
    )
    others = tuple(
        replace(w, text=f" right{w.index}") if w.start < LEFT.end + 1 else w for w in right.words
    )
    return [replace(left, words=words), replace(right, words=others)]


def test_a_seam_without_agreement_asks_for_a_window_centred_on_it():
    said = chat(140, 2)
    merged = merge(disagreeing_pieces(said), OPTIONS, duration=55.0)
    assert merged.seams[0].status == "uncertain"
    (request,) = [r for r in merged.requests if r.reason == "seam"][:1]
    assert request.window.kind == "seam"
    middle = (request.window.start + request.window.end) / 2
    assert middle == pytest.approx(merged.seams[0].time)
    assert request.interval.start <= RIGHT.start
    assert request.interval.end >= LEFT.end


def test_a_repaired_seam():
    said = [word for word in chat(140, 2) if word.end < 55.0]
    merged, _, asked = run_all(
        disagreeing_pieces(said), lambda window: hear(window, said, jitter=0.1), duration=55.0
    )
    assert len(asked) == 1
    assert merged.seams[0].status == "repaired"
    assert texts(merged.words) == texts(said)


def test_a_seam_that_nobody_can_settle_stays_uncertain():
    said = chat(140, 2)
    merged, _, asked = run_all(
        disagreeing_pieces(said), lambda window: Piece(window, ()), duration=55.0
    )
    assert len(asked) == OPTIONS.repair_rounds
    assert len({request.window.start for request in asked}) == 2
    assert merged.seams[0].status == "uncertain"


def test_a_seam_that_nobody_can_settle_leaves_the_gaps_beside_it_to_be_heard():
    """A window that passes over most of what it holds agrees with nobody, and leaves gaps."""
    said = [word for word in chat(140, 2) if word.end < 55.0]
    hole = Span(RIGHT.start - 4.5, RIGHT.start - 1.5)  # in the seam's region
    left, right = disagreeing_pieces(said)
    passed = tuple(word for word in left.words if not hole.start < word.start < hole.end)

    def answer(window):
        return hear(window, said if window.kind == "gap" else [])

    merged, _, asked = run_all(
        [replace(left, words=passed), right], answer, evidence=speech_of(said), duration=55.0
    )
    assert merged.seams[0].status == "uncertain"
    assert [request.reason for request in asked] == ["seam", "seam", "gap"]
    found = [word for word in merged.words if hole.start < word.start < hole.end]
    assert texts(found) == [w.text for w in said if hole.start < w.start < hole.end]


def test_rounds_of_merging_everything_anew():
    said = [word for word in chat(140, 2) if word.end < 55.0]
    for heard in (said, []):  # the first repair settles it; none does
        pieces, rounds = disagreeing_pieces(said), 0
        while wanted := merge(pieces, OPTIONS, duration=55.0).requests:
            pieces += [hear(request.window, heard) for request in wanted]
            rounds += 1
        assert rounds == (1 if heard else OPTIONS.repair_rounds)
        status = merge(pieces, OPTIONS, duration=55.0).seams[0].status
        assert status == ("repaired" if heard else "uncertain")


def test_no_repairs_wanted():
    merged = merge(disagreeing_pieces(chat(140, 2)), NO_REPAIR, duration=55.0)
    assert merged.requests == ()


# Gaps


def with_hole(said, start, end):
    pieces = cut(said)
    return [
        replace(p, words=tuple(w for w in p.words if not (start < w.start and w.end < end)))
        for p in pieces
    ]


@pytest.mark.parametrize("hole", [(10.0, 14.0), (24.0, 33.0), (40.0, 46.0), (0.0, 6.0)])
def test_a_gap_is_found_and_filled(hole):
    said = chat(180, 6)
    merged, merger, asked = run_all(
        with_hole(said, *hole),
        lambda window: hear(window, said, jitter=0.1),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert {request.reason for request in asked} == {"gap"}
    assert abs(asked[0].window.start - asked[0].interval.start) < 0.5
    assert texts(merged.words) == texts(said)
    report = audit(merged, merger.pieces, speech_of(said), duration_of(said))
    assert report.uncovered == ()
    assert [r.reason for r in report.redecoded] == ["gap"] * len(asked)


@pytest.mark.parametrize("hole", [(10.0, 14.0), (24.0, 33.0), (40.0, 46.0), (0.0, 6.0)])
def test_what_a_gap_needs_is_enough_to_fill_it(hole):
    """A decoder may leave out what it is told that nobody needs."""
    said = chat(180, 6)

    def hear_what_is_needed(window):
        piece = hear(window, said, jitter=0.1)
        return replace(piece, words=tuple(w for w in piece.words if w.start < window.needed_until))

    merged, _, asked = run_all(
        with_hole(said, *hole),
        hear_what_is_needed,
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert all(request.window.needed_until < request.window.end for request in asked[:1])
    assert texts(merged.words) == texts(said)


def test_a_sentence_hidden_under_a_stretched_word():
    said = chat(180, 6)
    pieces = with_hole(said, 10.0, 17.0)
    words = list(pieces[0].words)
    before = max(i for i, word in enumerate(words) if word.start < 10.0)
    words[before] = replace(words[before], end=words[before + 1].start)
    pieces[0] = replace(pieces[0], words=tuple(words))
    merged, _, asked = run_all(
        pieces,
        lambda window: hear(window, said),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert asked[0].reason == "gap"
    assert texts(merged.words) == texts(said)


def test_a_gap_is_asked_for_twice_and_then_reported():
    said = chat(180, 6)
    evidence, duration = speech_of(said), duration_of(said)
    merged, merger, asked = run_all(
        with_hole(said, 10.0, 15.0),
        lambda window: Piece(window, ()),
        evidence=evidence,
        duration=duration,
    )
    assert len(asked) == 2
    assert asked[0].window.start != asked[1].window.start
    report = audit(merged, merger.pieces, evidence, duration)
    assert len(report.uncovered) == 1
    assert 9.0 < report.uncovered[0].start < report.uncovered[0].end < 16.0


@pytest.mark.parametrize("hole", [(0.0, 4.0), (0.0, 12.0), (2.0, 6.0), (8.0, 12.0), (50.0, 55.0)])
def test_a_gap_is_never_asked_for_twice_alike(hole):
    """Also where the recording has just begun: before that there is nothing to begin at."""
    said = chat(180, 6)
    _, _, asked = run_all(
        with_hole(said, *hole),
        lambda window: Piece(window, ()),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    first, second = (request.window for request in asked)
    assert max(abs(first.start - second.start), abs(first.end - second.end)) >= 1.0
    assert second.start <= hole[0] + 0.5
    assert second.end >= hole[1]


@pytest.mark.parametrize(("hole", "times"), [((10.0, 11.8), 2), ((10.0, 11.2), 1)])
def test_a_gap_that_nobody_wrote_is_asked_for_twice_if_there_is_enough_in_it(hole, times):
    """Though what the words beside it leave is too short to count as uncovered."""
    said = chat(180, 6)
    pieces = [
        replace(p, timed_text=subtract([p.window.span], [Span(*hole)]))
        for p in with_hole(said, hole[0] - 0.2, hole[1] + 0.2)
    ]
    evidence, duration = speech_of(said), duration_of(said)
    _, _, asked = run_all(
        pieces, lambda window: Piece(window, ()), evidence=evidence, duration=duration
    )
    assert [request.reason for request in asked] == ["gap"] * times


@pytest.mark.parametrize(("heard", "parts"), [(3.0, 1), (120.0, 5)])
def test_of_minutes_of_music_only_what_both_detectors_hear_is_asked_for(heard, parts):
    """The second detector hears two minutes of speech, the first one the beginning of them."""
    window, duration = Window(0, 0.0, 30.0), 120.0
    merger = Merger(
        [window],
        OPTIONS,
        evidence=[Span(0.0, duration)],
        agreed=[Span(0.0, heard)],
        duration=duration,
    )
    merger.add(Piece(window, ()))
    asked = [request.interval for request in merger.requests()]
    assert len(asked) == parts
    assert asked[0].start == 0.0


@pytest.mark.parametrize("agreed", [None, [Span(3.0, 8.0)]])
def test_a_repair_is_told_of_the_speech_that_both_detectors_hear_in_it(agreed):
    """As far as it is asked for; and of none where there is one detector alone."""
    merger = Merger(
        [Window(0, 0.0, 30.0)],
        OPTIONS,
        evidence=[Span(3.0, 8.0), Span(15.0, 20.0)],
        agreed=agreed,
        duration=30.0,
    )
    merger.add(Piece(Window(0, 0.0, 30.0), ()))
    window = merger.requests()[0].window
    assert window.needed_until < 15.0
    assert window.spoken_seconds == (5.0 if agreed else None)
    assert window.spoken_until is None  # it may stop where it likes


@pytest.mark.parametrize(
    ("pause", "hole", "windows"),
    [
        ((14.0, 16.5), (10.0, 23.0), 1),
        ((14.0, 16.5), (5.0, 23.0), 2),  # more than a second window would hear as well
        ((14.0, 14.5), (10.0, 23.0), 1),  # one gap with a breath in it
    ],
)
def test_gaps_with_no_word_between_them_are_heard_by_one_window(pause, hole, windows):
    said = [word for word in chat(180, 6) if word.end < pause[0] or word.start > pause[1]]
    merged, _, asked = run_all(
        with_hole(said, *hole),
        lambda window: hear(window, said),
        evidence=subtract(speech_of(said), [Span(*pause)]),
        duration=duration_of(said),
    )
    assert len(asked) == windows
    assert texts(merged.words) == texts(said)


def test_a_gap_is_asked_for_once_if_there_is_only_one_window_for_it():
    said = chat(16, 6)
    duration = duration_of(said)
    piece = hear(Window(0, 0.0, duration), said[-3:])
    _, _, asked = run_all(
        [piece], lambda window: Piece(window, ()), evidence=speech_of(said), duration=duration
    )
    assert len(asked) == 1


def test_a_repair_may_only_add_inside_its_gap():
    said = chat(180, 6)

    def answer(window):
        wild = hear(window, said)
        return replace(wild, words=tuple(replace(w, text=f" new{w.index}") for w in wild.words))

    holes = with_hole(said, 10.0, 15.0)
    merged, _, _ = run_all(holes, answer, evidence=speech_of(said), duration=duration_of(said))
    untouched = merge(holes, NO_REPAIR, duration=duration_of(said))
    new = [word for word in merged.words if word.text.startswith(" new")]
    assert new
    assert all(9.0 < word.start < word.end < 16.0 for word in new)
    assert [w for w in texts(merged.words) if not w.startswith("new")] == texts(untouched.words)


def test_a_looping_repair_is_not_used():
    said = chat(180, 6)
    holes = with_hole(said, 10.0, 15.0)
    merged, _, _ = run_all(
        holes,
        lambda window: hear(window, said, attempts=("repetitive", "repetitive")),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert merged.words == merge(holes, NO_REPAIR, duration=duration_of(said)).words


def repaired(pieces, said, attempt):
    """The words when each repair hears all of `said` in its window, at an `attempt` so judged."""
    merged, _, _ = run_all(
        pieces,
        lambda window: hear(window, said, attempts=(attempt,)),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    return texts(merged.words)


def test_an_improbable_repair_alone_in_its_window_is_not_used():
    """It may be made up."""
    said = chat(30, 6)
    silent = [replace(piece, words=()) for piece in cut(said)]
    assert repaired(silent, said, "accepted") == texts(said)
    assert repaired(silent, said, "improbable") == []


def test_an_improbable_repair_beside_words_of_others_is_used():
    """It is as good as they are."""
    said = chat(30, 6)
    assert repaired(with_hole(said, 10.0, 15.0), said, "improbable") == texts(said)


def test_speech_in_a_skipped_silence_is_asked_for():
    said = [*speak(["a", "b"]), *speak([f"w{n}" for n in range(20)], start=100.0)]
    late = [Said("z", 300.0, 300.4)]
    windows = plan_windows(speech_of([*said[:2], *late]), 301.0, WindowOptions())
    merged, _, asked = run_all(
        [hear(window, [*said, *late]) for window in windows],
        lambda window: hear(window, [*said, *late]),
        evidence=speech_of([*said, *late]),
        duration=301.0,
    )
    assert [request.reason for request in asked] == ["gap"]
    assert texts(merged.words) == texts([*said, *late])


# Truncated windows


def test_a_truncated_window_is_split():
    said = chat(180, 8)
    pieces = cut(said)
    pieces[1] = replace(pieces[1], words=pieces[1].words[:10], is_truncated=True)
    merged, merger, asked = run_all(
        pieces,
        lambda window: hear(window, said, jitter=0.1),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert [request.reason for request in asked] == ["truncated", "truncated"]
    assert asked[0].window.start == pieces[1].window.start
    assert asked[1].window.end == pieces[1].window.end
    assert asked[0].window.end > asked[1].window.start
    assert texts(merged.words) == texts(said)
    report = audit(merged, merger.pieces, speech_of(said), duration_of(said))
    assert report.truncated == ()
    assert [r.reason for r in report.redecoded] == ["truncated", "truncated"]


def test_halves_that_are_truncated_are_split_again():
    said = chat(180, 8)
    pieces = cut(said)
    pieces[1] = replace(pieces[1], words=(), is_truncated=True)

    def answer(window):
        return hear(window, said, is_truncated=window.end - window.start > 12.0)

    merged, _, asked = run_all(pieces, answer, duration=duration_of(said))
    assert len(asked) == 6
    assert len({request.window.index for request in asked}) == 6
    assert texts(merged.words) == texts(said)


MIXED = (("de", 0.3), ("en", 0.68))


def test_a_window_in_two_languages_is_heard_in_halves():
    said = chat(180, 8)
    pieces = cut(said)
    gibberish = tuple(replace(word, text=" xyz") for word in pieces[1].words[:20])
    pieces[1] = replace(
        pieces[1], words=(*gibberish, *pieces[1].words[20:]), language="en", languages=MIXED
    )
    merged, merger, asked = run_all(
        pieces,
        lambda window: hear(window, said, jitter=0.1, languages=(("en", 0.9), ("de", 0.1))),
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    assert [request.reason for request in asked] == ["mixed", "mixed"]
    assert texts(merged.words) == texts(said)
    report = audit(merged, merger.pieces, speech_of(said), duration_of(said))
    assert [r.reason for r in report.redecoded] == ["mixed", "mixed"]


@pytest.mark.parametrize(
    "languages", [(), (("en", 1.0),), (("de", 0.13), ("en", 0.84)), (("en", 0.4),)]
)
def test_one_language_alone_is_heard_whole(languages):
    said = chat(180, 8)
    pieces = [replace(piece, language="en", languages=languages) for piece in cut(said)]
    assert merge(pieces, OPTIONS, duration=duration_of(said)).requests == ()


def test_halves_in_two_languages_leave_the_repairs_of_a_gap_before_them():
    said = chat(180, 8)
    pieces = cut(said)
    pieces[1] = replace(pieces[1], words=())
    pieces[2] = replace(pieces[2], language="en", languages=MIXED)
    heard_late = iter([False, True])

    def answer(window):
        if window.kind == "gap" and not next(heard_late, True):
            return hear(window, [])
        languages = MIXED if window.end - window.start > 12.0 else ()
        return hear(window, said, jitter=0.1, language="en", languages=languages)

    merged, _, asked = run_all(pieces, answer, evidence=speech_of(said), duration=duration_of(said))
    assert [request.reason for request in asked].count("gap") >= 2
    assert texts(merged.words) == texts(said)


@pytest.mark.parametrize("spaceless", [0, 1])
def test_a_window_of_which_one_half_has_no_spaces_is_joined_by_characters(spaceless):
    """The next window may begin inside any of them, and cut the sentence into other words."""
    window = Window(0, 0.0, 30.0)
    whole = Piece(window, (), language="en", languages=(("ja", 0.3), ("en", 0.68)))
    halves = [request.window for request in split_requests(window, 0, 0, is_mixed=True)]
    answers = {
        half.index: Piece(half, (), language="ja" if side == spaceless else "en")
        for side, half in enumerate(halves)
    }
    layout = Layout()
    layout.extend([window], is_whole=True)
    context = Context({0: whole, **answers}, 1, 30.0, None, None, layout)
    side = resolve_window(window, 0, context)
    assert isinstance(side, Side)
    assert side.by_grapheme


def test_a_truncated_window_that_nobody_splits_is_reported():
    said = chat(180, 8)
    pieces = cut(said)
    pieces[1] = replace(pieces[1], is_truncated=True)
    merged = merge(pieces, OPTIONS, duration=duration_of(said))
    assert len(merged.requests) == 2
    assert texts(merged.words) == texts(said)
    report = audit(merged, {p.window.index: p for p in pieces}, (), duration_of(said))
    assert report.truncated == (pieces[1].window.span,)


# The incremental merger


def test_words_leave_before_the_next_window_is_heard():
    said = chat(300, 5)
    pieces = cut(said)
    merger = Merger([p.window for p in pieces], OPTIONS, duration=duration_of(said))
    first = merger.add(pieces[0])
    assert len(first) > 0.5 * len(pieces[0].words)
    assert first == pieces[0].words[: len(first)]
    assert merger.add(pieces[2]) == ()
    assert merger.add(pieces[1])[-1].window == 2


def test_only_words_behind_an_open_gap_wait():
    said = chat(180, 6)
    pieces = with_hole(said, 10.0, 15.0)
    merger = Merger(
        [p.window for p in pieces],
        OPTIONS,
        evidence=speech_of(said),
        duration=duration_of(said),
    )
    early = [word for piece in pieces for word in merger.add(piece)]
    assert 9.0 < early[-1].end < 10.6
    (request,) = merger.requests()
    late = merger.add(hear(request.window, said))
    assert late[-1].end > 40.0
    assert merger.requests() == ()


@pytest.mark.parametrize("options", [OPTIONS, NO_REPAIR])
def test_words_that_the_end_of_the_plan_made_final_are_not_lost(options):
    """Nothing is open and no piece comes any more: they leave when the merge ends."""
    said = chat(120, 5)
    pieces, duration = cut(said), duration_of(said)
    windows = [piece.window for piece in pieces]
    merger = Merger(windows, options, duration=duration, is_whole=False)
    early = [word for piece in pieces for word in merger.add(piece)]
    merger.extend(windows, is_whole=True)
    assert len(early) < len(said)
    assert texts(merger.finish().words) == texts(said)


def test_a_window_cannot_be_added_twice():
    pieces = cut(chat(100, 1))
    merger = Merger([p.window for p in pieces], OPTIONS, duration=60.0)
    merger.add(pieces[0])
    with pytest.raises(ValueError, match="before"):
        merger.add(pieces[0])


def test_an_unknown_window_is_refused():
    merger = Merger([LEFT], OPTIONS, duration=30.0)
    with pytest.raises(ValueError, match="neither planned nor requested"):
        merger.add(Piece(Window(7, 0.0, 30.0), ()))
    with pytest.raises(ValueError, match="nothing asked"):
        merge([Piece(LEFT, ()), Piece(Window(9, 0, 30, "gap"), ())], OPTIONS, duration=30.0)


def test_a_missing_window_is_an_error():
    merger = Merger([LEFT, RIGHT], OPTIONS, duration=55.0)
    merger.add(Piece(LEFT, ()))
    with pytest.raises(ValueError, match=r"\[1\]"):
        merger.finish()


def test_windows_out_of_order_are_refused():
    with pytest.raises(ValueError, match="in order"):
        Merger([RIGHT, LEFT], OPTIONS, duration=55.0)


# Scripts without spaces


def chinese(window, *tokens):
    return Piece(
        window,
        tuple(
            Word(text, start, start + 0.25 * len(text), 0.9, (), window.index, index)
            for index, (text, start) in enumerate(tokens)
        ),
        language="zh",
    )


def test_chinese_cut_into_other_words_by_the_other_window():
    left = chinese(LEFT, ("我们", 25.4), ("今天", 26.0), ("去", 26.6), ("北京", 27.0), ("玩", 28.0))
    right = chinese(
        RIGHT,
        ("我", 25.4),
        ("们今", 25.7),
        ("天", 26.3),
        ("去北", 26.6),
        ("京", 27.3),
        ("玩", 28.0),
        ("吧", 32.0),
    )  # one sentence
    merged = merge([left, right], OPTIONS, duration=55.0)
    assert "".join(word.text for word in merged.words) == "我们今天去北京玩吧"
    assert merged.seams[0].status == "agreed"


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(3.0, 15.0), st.sampled_from([3, 30, 400]))
def test_scripts_without_spaces_give_back_what_was_said(seed, overlap, vocabulary):
    """Either window cuts the same characters into other words: none is lost or doubled, or the
    seam is called uncertain."""
    dice = random.Random(seed)
    said = speak([chr(0x4E00 + dice.randrange(vocabulary)) for _ in range(250)], seed)
    windows = plan_windows(speech_of(said), duration_of(said), WindowOptions(overlap=overlap))
    pieces = [in_tokens(hear(window, said, jitter=0.1), dice) for window in windows]
    merged = merge(pieces, OPTIONS, evidence=speech_of(said), duration=duration_of(said))
    heard, wanted = "".join(word.text for word in merged.words), "".join(texts(said))
    assert is_within(wanted, heard)
    if all(seam.status != "uncertain" for seam in merged.seams):
        assert heard == wanted
        assert merged.requests == ()


def is_within(short, long):
    """Whether all characters of `short` stand in `long`, in their order."""
    rest = iter(long)
    return all(character in rest for character in short)


def in_tokens(piece, dice):
    """The words of `piece`, one to three of them written as one."""
    words, rest = [], list(piece.words)
    while rest:
        size = dice.randint(1, 3)
        token, rest = rest[:size], rest[size:]
        text = "".join(word.text.strip() for word in token)
        end = max(word.end for word in token)
        words.append(replace(token[0], text=text, end=end, index=len(words)))
    return replace(piece, words=tuple(words), language="zh")


def test_words_that_only_touch_are_parted_by_a_blank():
    left = heard_as(LEFT, ("hello", 3.0))
    right = heard_as(RIGHT, ("world", 40.0))
    right = replace(right, words=(replace(right.words[0], text="world"),))
    merged = merge([left, right], OPTIONS, duration=55.0)
    assert "".join(word.text for word in merged.words) == " hello world"


def test_words_that_have_left_are_packed():
    def words_alive():
        return sum(type(thing) is Word for thing in gc.get_objects())

    said = chat(3000, 1)
    duration, evidence = duration_of(said), speech_of(said)
    windows = plan_windows(evidence, duration, GRID)
    before = words_alive()
    merger = Merger(windows, OPTIONS, evidence=evidence, duration=duration)
    most = 0
    for window in windows:
        merger.add(hear(window, said))
        most = max(most, words_alive() - before)
    assert texts(merger.finish().words) == texts(said)
    assert most < 600  # of a few windows, and of those not packed yet

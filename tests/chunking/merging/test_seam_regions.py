from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chunking.merging.seam_regions import REACH, first_from, lay_joints
from chunking.options import WindowOptions
from chunking.types import Span, Window, Word
from chunking.windows import plan_windows


def test_a_joint_reaches_around_what_both_windows_hear():
    (joint,) = lay_joints([Window(0, 0.0, 30.0), Window(1, 25.0, 55.0)])
    assert joint.shared == Span(25.0, 30.0)
    assert joint.interval == Span(25.0 - REACH, 30.0 + REACH)


def test_windows_that_do_not_meet_share_nothing():
    (joint,) = lay_joints([Window(0, 0.0, 20.0), Window(1, 50.0, 70.0)])
    assert joint.shared is None
    assert joint.interval == Span(20.0, 50.0)


@given(st.floats(1, 400), st.floats(0, 15), st.sampled_from([0.0, 7.0]))
def test_joints_are_disjoint_and_hold_their_seams(duration, overlap, phase):
    options = WindowOptions(30.0, overlap, phase)
    joints = lay_joints(plan_windows((Span(0, duration),), duration, options))
    for left, right in pairwise(joints):
        assert left.interval.end <= right.interval.start
    for joint in joints:
        if joint.shared is not None:
            middle = (joint.shared.start + joint.shared.end) / 2
            assert joint.interval.start <= middle <= joint.interval.end


def test_words_belong_to_one_side_of_a_time():
    words = [Word(" a", n, n + 1.0, 0.9, (), 0, n) for n in range(4)]
    assert [first_from(words, time) for time in (0.0, 0.3, 0.6, 9.0)] == [0, 0, 1, 4]

"""Temperature fallback: how a window's next attempt is searched, and which of all is kept.

What was tried stands in the window's request. Touches no device.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from decoding.engine.quality import (
    Sounds,
    best_attempt,
    compression_ratio,
    is_clearly_silent,
    is_doubtful,
    is_echo,
    is_final,
    is_sparse,
    judge,
)
from decoding.engine.window_request import WindowRequest
from decoding.model.vocabulary import SECONDS_PER_TIMESTAMP, Vocabulary
from decoding.search.hypotheses import Hypothesis
from decoding.search.state import ANY_LOOP, NO_TIMESTAMP, Plan
from decoding.timing.words import split_at_timestamps, timed_text
from decoding.types import UNWRITTEN, Attempt, Decoded, Verdict

SEED_MASK = 2**64 - 1
LONGEST_LOOP = 64
"""Text tokens: what repeats more of them in a row is a loop, and another attempt begins. A window
of clear speech has 60 to 110 in all."""


def due_temperature(request: WindowRequest) -> float:
    """Of the attempt that is due."""
    return request.options.temperatures[_rung(request)]


def _rung(request: WindowRequest) -> int:
    """Of the temperature ladder. What looped behind a prompt has its first one twice."""
    return len(request.tried) - request.has_dropped_text


def drop_looping_text(request: WindowRequest) -> bool:
    """Whether the window is to be read again without its prompt and hotwords, which it is from now
    on: its first attempt loops, and they may be why. Sampling behind them finds less."""
    given = request.options.prompt or request.options.hotwords
    if not given or len(request.tried) != 1 or request.tried[0][0].verdict != "repetitive":
        return False
    request.has_dropped_text = True
    return True


def due_beams(request: WindowRequest) -> int:
    """Beams, or samples, of the attempt that is due."""
    options = request.options
    return options.best_of if due_temperature(request) > 0 else options.beam_size


def plan_attempt(request: WindowRequest, n_text_ctx: int) -> Plan:
    """How the attempt that is due is searched, in a context of so many tokens."""
    options, beams, temperature = request.options, due_beams(request), due_temperature(request)
    budget = n_text_ctx - request.num_prompt_tokens + 1  # the last one is never fed back
    if options.sample_len is not None:
        budget = min(budget, options.sample_len)
    is_sampling = temperature > 0
    return Plan(
        beam_size=beams,
        max_finished=beams if is_sampling else max(1, round(beams * options.patience)),
        budget=max(1, budget),
        temperature=temperature,
        has_timestamps=not options.without_timestamps,
        uniforms=_uniforms(request, budget, beams) if is_sampling else None,
        stop_timestamp=_stop_timestamp(request),
        earliest_end=0 if is_sampling else _earliest_end(request),
        longest_loop=_longest_loop(request),
    )


def _stop_timestamp(request: WindowRequest) -> int:
    """The first timestamp, as an offset, behind which nobody needs the text."""
    until = request.clip.expected.needed_until
    return NO_TIMESTAMP if until is None else max(math.ceil(until / SECONDS_PER_TIMESTAMP), 0)


def _earliest_end(request: WindowRequest) -> int:
    """The first timestamp, as an offset, behind which the text may end.

    Whisper leaves the sentence that a window's end cuts to the next window, and now and then more;
    made to go on, it writes it. Attempts that sample may leave it again.
    """
    until = request.clip.expected.spoken_until
    if until is None:
        return 0
    return max(math.ceil((until - UNWRITTEN) / SECONDS_PER_TIMESTAMP), 0)


def _longest_loop(request: WindowRequest) -> int:
    """A loop is written to its end where it would not be thrown away."""
    is_thrown_away = request.options.compression_ratio_threshold is not None
    return LONGEST_LOOP if is_thrown_away and not _is_last(request) else ANY_LOOP


def _is_last(request: WindowRequest) -> bool:
    """Whether no attempt follows the one that is due."""
    return _rung(request) + 1 == len(request.options.temperatures)


def _uniforms(request: WindowRequest, steps: int, beams: int) -> Tensor:
    """Numbers [steps, beams] that depend on the clip's seed and the attempt alone."""
    key = [request.clip.seed & SEED_MASK, len(request.tried)]
    generator = np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))
    return torch.from_numpy(generator.random((max(1, steps), beams)))


def judge_attempt(
    request: WindowRequest, hypothesis: Hypothesis, sounds: Sounds, vocabulary: Vocabulary
) -> bool:
    """Record what the due attempt found. Returns whether the window needs no other."""
    if math.isnan(sounds.no_speech_prob):
        hypothesis, sounds = replace(hypothesis, is_finite=False), Sounds(0.0)
    request.no_speech_prob = sounds.no_speech_prob
    text = vocabulary.text_of(hypothesis.tokens).strip()
    ratio = compression_ratio(text)
    num_tokens = sum(token < vocabulary.eot for token in hypothesis.tokens)
    verdict = judge(hypothesis.avg_logprob, num_tokens, sounds, ratio, request.options)
    if not hypothesis.is_finite:
        verdict = "improbable"
    elif hypothesis.is_loop and verdict != "no_speech":
        verdict = "repetitive"
    elif verdict == "accepted" and not hypothesis.is_truncated:
        verdict = _judge_by_speech(request, hypothesis.avg_logprob, num_tokens)
    if hypothesis.is_finite and _is_hallucinated(request, sounds, verdict, text):
        verdict = "no_speech"
    if verdict == "no_speech" and _sparse_logprobs(request):
        verdict = "improbable"  # there was some: nothing that follows makes it silence
    is_last = _is_last(request)
    attempt = Attempt(due_temperature(request), hypothesis.avg_logprob, ratio, verdict)
    request.tried.append((attempt, hypothesis))
    return is_last or is_final(verdict)


def _is_hallucinated(request: WindowRequest, sounds: Sounds, verdict: Verdict, text: str) -> bool:
    """Whether the due attempt, judged `verdict` by itself, wrote `text` where nobody speaks."""
    is_last = _is_last(request)
    if is_doubtful(sounds, request.options) and (
        (is_last and verdict == "improbable") or is_echo(text, _text_before(request))
    ):
        return True
    is_kept = is_last or verdict == "accepted"
    return (
        is_kept and is_clearly_silent(sounds, request.options) and _is_loop(request, verdict, text)
    )


def _is_loop(request: WindowRequest, verdict: Verdict, text: str) -> bool:
    """Whether `text` is a loop or drawn in place of one: in noise "They're going to let us in" was
    written over and over, then three times. Not of digits, which may repeat, and in whose pauses
    nobody speaks; nor in place of a loop behind a prompt, which may be the prompt's doing."""
    if any(map(str.isdecimal, text)):
        return False
    before = [attempt.verdict for attempt in request.attempts]
    if request.has_dropped_text:
        before = before[1:]
    return "repetitive" in (*before, verdict)


def _judge_by_speech(request: WindowRequest, avg_logprob: float, num_tokens: int) -> Verdict:
    """The verdict on what all other rules accept: it may pass over nearly all that is said.

    What is found after that counts if it is more probable: warmth finds something in any noise.
    """
    if is_sparse(num_tokens, request.clip.expected.spoken_seconds):
        return "sparse"
    least = max(_sparse_logprobs(request), default=-math.inf)
    return "accepted" if avg_logprob >= least else "improbable"


def _sparse_logprobs(request: WindowRequest) -> list[float]:
    """Of the attempts that found hardly any text."""
    return [tried.avg_logprob for tried in request.attempts if tried.verdict == "sparse"]


def _text_before(request: WindowRequest) -> str:
    read = request.read_before
    return " ".join(filter(None, (read.hotwords, read.prompt)))


def best_result(request: WindowRequest, vocabulary: Vocabulary) -> Decoded | None:
    """The attempt to keep, without words; silence has no text. None: it is of no numbers."""
    kept = best_attempt(request.attempts)
    attempt, hypothesis = request.tried[kept]
    if not hypothesis.is_finite:
        return None
    assert request.language is not None, "what was tried has been prefilled"
    found = split_at_timestamps(hypothesis.tokens, vocabulary, request.clip.seconds)
    decoded = Decoded(
        text=vocabulary.text_of(hypothesis.tokens).strip(),
        tokens=hypothesis.tokens,
        words=(),
        timed_text=timed_text(found, vocabulary),
        language=request.language.code,
        avg_logprob=attempt.avg_logprob,
        no_speech_prob=request.no_speech_prob,
        compression_ratio=attempt.compression_ratio,
        temperature=attempt.temperature,
        is_truncated=hypothesis.is_truncated,
        attempts=request.attempts,
        language_probabilities=request.language.probabilities,
        kept=kept,
    )
    if attempt.verdict == "no_speech":
        return replace(decoded, text="", timed_text=())
    return decoded

"""What a search is told and what it remembers, for many windows at once, as tensors.

Takes no step: decoding/search/beam_search.py does. Knows logits alone: neither audio nor caches.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from decoding.device.transfer import to_device
from decoding.search import repetition

IMPOSSIBLE = float("-inf")
MOST_PATIENCE = 4
NO_TIMESTAMP = 1 << 20  # as an offset: later than any
ANY_LOOP = 1 << 20  # tokens: longer than any text


@dataclass(frozen=True, slots=True)
class Plan:
    """How one attempt on one window is searched. `uniforms` [steps, beams] drive the sampling.

    `stop_timestamp`: as an offset; a hypothesis that writes this timestamp or a later one has ended
    with it, as if end-of-text stood behind it. `earliest_end`: as an offset; end-of-text stands
    behind no earlier timestamp, unless there is no text. `longest_loop`: a search that repeats more
    tokens than that in a row is ended.
    """

    beam_size: int
    max_finished: int
    budget: int
    temperature: float
    has_timestamps: bool
    uniforms: Tensor | None = None
    stop_timestamp: int = NO_TIMESTAMP
    earliest_end: int = 0
    longest_loop: int = ANY_LOOP

    @property
    def is_sampling(self) -> bool:
        return self.uniforms is not None

    @property
    def numbers(self) -> tuple[float, ...]:
        """All but the uniforms, as `SearchState.start` takes them."""
        sizes = (self.beam_size, self.max_finished, self.budget)
        ends = (self.stop_timestamp, self.earliest_end, self.longest_loop)
        return (*sizes, *ends, self.temperature, self.is_sampling, self.has_timestamps)


@dataclass(frozen=True, slots=True, eq=False)
class SearchState:
    """All that a search remembers, [w, ...]; views of some windows share its memory.

    Tokens are columns of the logits. Their history is kept as back-pointers: `tokens` and
    `parents`. Finished hypotheses point into it, in the order in which they finished; what ended
    them is not in it.
    """

    time: Tensor  # [w] tokens sampled so far
    is_done: Tensor  # [w] true where no search has begun
    total: Tensor  # [w, b] summed log probability; minus infinity: no such beam
    last: Tensor  # [w, b] newest token
    last_is_timestamp: Tensor  # [w, b]
    previous_is_timestamp: Tensor  # [w, b]
    lowest_timestamp: Tensor  # [w, b] newest timestamp as an offset, -1: none yet
    repeats: Tensor  # [w, b, 2, periods] as decoding/search/repetition.py says
    tokens: Tensor  # [w, steps, b]
    parents: Tensor  # [w, steps, b]
    finished_total: Tensor  # [w, f + 1] the last column is waste
    finished_time: Tensor  # [w, f + 1] tokens before the one that ended it
    finished_beam: Tensor  # [w, f + 1]
    finished_timestamp: Tensor  # [w, f + 1] that ended it, -1: end-of-text did
    num_finished: Tensor  # [w]
    beam_size: Tensor  # [w]
    max_finished: Tensor  # [w]
    budget: Tensor  # [w]
    stop_timestamp: Tensor  # [w] as an offset
    earliest_end: Tensor  # [w] as an offset
    longest_loop: Tensor  # [w] tokens
    temperature: Tensor  # [w]
    is_sampling: Tensor  # [w]
    has_timestamps: Tensor  # [w]
    uniforms: Tensor  # [w, steps, b] float64

    @classmethod
    def allocate(cls, windows: int, beams: int, steps: int, device: torch.device) -> SearchState:
        finished = beams * MOST_PATIENCE + 1

        def whole(*shape: int) -> Tensor:
            return torch.zeros(windows, *shape, dtype=torch.int64, device=device)

        def real(*shape: int) -> Tensor:
            return torch.zeros(windows, *shape, device=device)

        def truth(*shape: int) -> Tensor:
            return torch.zeros(windows, *shape, dtype=torch.bool, device=device)

        return cls(
            whole(), ~truth(), real(beams), whole(beams), truth(beams), truth(beams), whole(beams),
            repetition.begin(windows, beams, device),
            whole(steps, beams), whole(steps, beams),
            real(finished), whole(finished), whole(finished), whole(finished), whole(),
            whole(), whole(), whole(), whole(), whole(), whole(), real(), truth(), truth(),
            torch.zeros(windows, steps, beams, dtype=torch.float64, device=device),
        )  # fmt: skip

    def rows(self, start: int, stop: int) -> SearchState:
        """The windows start to stop, sharing memory."""
        return SearchState(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    def copy_from(self, other: SearchState) -> None:
        """Become the other (same number of windows; steps and beams not fewer than its)."""
        for field in fields(self):
            getattr(self, field.name).copy_(getattr(other, field.name))

    def of(self, windows: Tensor) -> SearchState:
        """Copies of the windows [r], in their order."""
        fields_of = (getattr(self, field.name) for field in fields(self))
        return SearchState(*(one.index_select(0, windows) for one in fields_of))

    def put(self, windows: Tensor, others: SearchState) -> None:
        """The windows [r] become the others, in their order."""
        for field in fields(self):
            getattr(self, field.name).index_copy_(0, windows, getattr(others, field.name))

    def start(self, plans: Tensor) -> None:
        """Every window forgets what it held and begins anew; `plans` [w, 9] are `Plan.numbers`."""
        for field in fields(self):
            if field.name not in ("tokens", "parents", "uniforms"):
                getattr(self, field.name).zero_()
        self.lowest_timestamp.fill_(-1)
        sizes = (self.beam_size, self.max_finished, self.budget)
        ends = (self.stop_timestamp, self.earliest_end, self.longest_loop)
        told = (*sizes, *ends, self.temperature)
        for kept, new in zip(told, plans[:, :7].unbind(1), strict=True):
            kept.copy_(new)
        self.is_sampling.copy_(plans[:, 7] > 0)
        self.has_timestamps.copy_(plans[:, 8] > 0)
        begun = torch.where(self.is_sampling, self.beam_size, 1)
        beam = torch.arange(self.total.shape[1], device=self.total.device)
        self.total.masked_fill_(beam >= begun[:, None], IMPOSSIBLE)

    def tell_uniforms(self, at: int, uniforms: Tensor) -> None:
        """Window `at` will sample with these numbers [steps, beams]."""
        steps, beams = uniforms.shape
        self.uniforms[at, :steps, :beams] = to_device(uniforms, self.uniforms.device)

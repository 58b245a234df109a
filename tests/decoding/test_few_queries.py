"""Attention of a few queries: equal to the library's, and to itself in any company."""

from __future__ import annotations

import pytest
import torch

from decoding import few_queries


def made_up(windows: int, queries: int, positions: int, room: int) -> tuple[torch.Tensor, ...]:
    """Queries, and keys and values that are part of something longer, as a slot's are."""
    torch.manual_seed(windows + queries)
    kept = torch.randn(2, windows, 3, room, few_queries.WIDTH)
    query = torch.randn(windows, queries, 3, few_queries.WIDTH).transpose(1, 2)
    return query, kept[0][:, :, :positions], kept[1][:, :, :positions]


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("queries", [1, 5, 16])
@pytest.mark.parametrize(("positions", "room"), [(128, 512), (1500, 1500)])
def test_same_as_the_library(windows: int, queries: int, positions: int, room: int) -> None:
    query, keys, values = made_up(windows, queries, positions, room)
    assert few_queries.takes(query, keys)
    scores = few_queries.scores(query, keys)
    assert torch.allclose(scores, query @ keys.transpose(-1, -2), atol=1e-4)
    weights = scores.softmax(-1)
    assert torch.allclose(few_queries.weighted_sum(weights, values), weights @ values, atol=1e-5)


def test_keys_that_lie_frame_by_frame() -> None:
    """As the projection leaves them: a head's numbers are not together."""
    merged = torch.randn(2, 12, 3, few_queries.WIDTH)
    query, keys = torch.randn(2, 3, 4, few_queries.WIDTH), merged.permute(0, 2, 1, 3)
    found = few_queries.scores(query, keys)
    assert torch.equal(found, few_queries.scores(query, keys.contiguous()))


def test_neighbours_change_nothing() -> None:
    query, keys, values = made_up(4, 5, 256, 512)
    scores = few_queries.scores(query, keys)
    weights = scores.softmax(-1)
    read = few_queries.weighted_sum(weights, values)
    for at in range(4):
        one = slice(at, at + 1)
        assert torch.equal(few_queries.scores(query[one], keys[one]), scores[one])
        assert torch.equal(few_queries.weighted_sum(weights[one], values[one]), read[one])


def test_unseen_positions_change_nothing() -> None:
    query, keys, values = made_up(2, 5, 512, 512)
    scores = few_queries.scores(query, keys)
    scores[..., 100:] = float("-inf")
    few = few_queries.weighted_sum(scores[..., :128].softmax(-1), values[:, :, :128])
    assert torch.equal(few_queries.weighted_sum(scores.softmax(-1), values), few)


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        (torch.zeros(1, 1, 17, 64), torch.zeros(1, 1, 8, 64)),  # too many queries
        (torch.zeros(1, 1, 2, 64), torch.zeros(1, 1, 6, 64)),  # no whole number of parts
        (torch.zeros(1, 1, 2, 32), torch.zeros(1, 1, 8, 32)),  # another width
        (torch.zeros(1, 1, 2, 64), torch.zeros(1, 1, 64, 8).transpose(2, 3)),  # turned
        (torch.zeros(1, 1, 2, 64).half(), torch.zeros(1, 1, 8, 64).half()),
        (torch.zeros(1, 1, 2, 64, device="meta"), torch.zeros(1, 1, 8, 64, device="meta")),
    ],
)
def test_what_is_left_to_the_library(query: torch.Tensor, positions: torch.Tensor) -> None:
    assert not few_queries.takes(query, positions)

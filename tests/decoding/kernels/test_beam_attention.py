"""Attention of a few queries: equal to the library's, and to itself in any company."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels import beam_attention

pytestmark = pytest.mark.instructions


def made_up(windows: int, queries: int, positions: int, room: int) -> tuple[torch.Tensor, ...]:
    """Queries, and keys and values that are part of something longer, as a slot's are."""
    torch.manual_seed(windows + queries)
    kept = torch.randn(2, windows, 3, room, beam_attention.WIDTH)
    query = torch.randn(windows, queries, 3, beam_attention.WIDTH).transpose(1, 2)
    return query, kept[0][:, :, :positions], kept[1][:, :, :positions]


def by_the_library(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    weights = (query @ keys.transpose(-1, -2) + mask).softmax(-1)
    return (weights @ values).transpose(1, 2).flatten(2)


def made_up_mask(windows: int, queries: int, positions: int, room: int) -> torch.Tensor:
    """Every query sees about one in three; part of something longer, one for all heads."""
    mask = torch.zeros(windows, queries, room).masked_fill_(
        torch.rand(windows, queries, room) < 0.7, float("-inf")
    )
    mask[:, :, 3] = 0.0
    return mask[:, None, :, :positions]


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("queries", [1, 5, 16])
@pytest.mark.parametrize(("positions", "room"), [(128, 512), (1500, 1500)])
def test_same_as_the_library(windows: int, queries: int, positions: int, room: int) -> None:
    query, keys, values = made_up(windows, queries, positions, room)
    assert beam_attention.supports_unmasked(query, keys)
    read = beam_attention.attend_unmasked(query, keys, values)
    assert torch.allclose(read, by_the_library(query, keys, values, torch.zeros(1)), atol=1e-5)
    mask = made_up_mask(windows, queries, positions, room)
    read = beam_attention.attend_masked(query, keys, values, mask)
    assert torch.allclose(read, by_the_library(query, keys, values, mask), atol=1e-5)


def test_one_mask_for_all_windows() -> None:
    query, keys, values = made_up(3, 5, 5, 5)
    mask = torch.full((5, 5), float("-inf")).triu_(1)
    read = beam_attention.attend_masked(query, keys, values, mask)
    assert torch.allclose(read, by_the_library(query, keys, values, mask), atol=1e-5)


def test_keys_that_lie_frame_by_frame() -> None:
    """As the projection leaves them: a head's numbers are not together."""
    merged = torch.randn(2, 12, 3, beam_attention.WIDTH)
    query, keys = torch.randn(2, 3, 4, beam_attention.WIDTH), merged.permute(0, 2, 1, 3)
    found = beam_attention.attend_unmasked(query, keys, keys)
    assert torch.equal(
        found, beam_attention.attend_unmasked(query, keys.contiguous(), keys.contiguous())
    )


def test_neighbours_change_nothing() -> None:
    query, keys, values = made_up(4, 5, 256, 512)
    mask = made_up_mask(4, 5, 256, 512)
    everything = beam_attention.attend_unmasked(query, keys, values)
    seen = beam_attention.attend_masked(query, keys, values, mask)
    for at in range(4):
        one = slice(at, at + 1)
        alone = beam_attention.attend_unmasked(query[one], keys[one], values[one])
        assert torch.equal(alone, everything[one])
        alone = beam_attention.attend_masked(query[one], keys[one], values[one], mask[one])
        assert torch.equal(alone, seen[one])


def test_unseen_positions_change_nothing() -> None:
    query, keys, values = made_up(2, 5, 512, 512)
    mask = made_up_mask(2, 5, 512, 512)
    mask[..., 100:] = float("-inf")
    whole = beam_attention.attend_masked(query, keys, values, mask)
    keys[:, :, 100:], values[:, :, 100:] = float("nan"), float("inf")
    few = beam_attention.attend_masked(query, keys[:, :, :128], values[:, :, :128], mask[..., :128])
    assert torch.equal(whole, few)


def test_infinite_and_missing_numbers_keep_their_meaning() -> None:
    query, keys, values = made_up(1, 2, 8, 8)
    keys[0, 1, 5] = float("nan")
    assert beam_attention.attend_unmasked(query, keys, values)[..., 64:128].isnan().all()
    assert not beam_attention.attend_unmasked(query, keys, values)[..., :64].isnan().any()


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        (torch.zeros(1, 1, 17, 64), torch.zeros(1, 1, 8, 64)),  # too many queries
        (torch.zeros(1, 1, 2, 32), torch.zeros(1, 1, 8, 32)),  # another width
        (torch.zeros(1, 1, 2, 64), torch.zeros(1, 1, 64, 8).transpose(2, 3)),  # turned
        (torch.zeros(1, 1, 64, 2).transpose(2, 3), torch.zeros(1, 1, 8, 64)),
        (torch.zeros(1, 1, 2, 64).half(), torch.zeros(1, 1, 8, 64).half()),
        (torch.zeros(1, 1, 2, 64, device="meta"), torch.zeros(1, 1, 8, 64, device="meta")),
    ],
)
def test_what_is_left_to_the_library(query: torch.Tensor, positions: torch.Tensor) -> None:
    assert not beam_attention.supports(query, positions)


def test_only_whole_parts_are_seen_all() -> None:
    query, positions = torch.zeros(1, 1, 2, 64), torch.zeros(1, 1, 6, 64)
    assert beam_attention.supports(query, positions)
    assert not beam_attention.supports_unmasked(query, positions)

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from decoding.kernels import int8_choice
from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_choice import (
    LARGEST_WITHOUT_VNNI,
    MOST_WEIGHTS,
    FewRows,
    Kind,
    adds_in_32_bits,
    few_rows_beside,
    has_tile_instructions,
    has_tiles,
    has_vnni,
    kind_for,
    multiplies_tiles,
)
from decoding.kernels.int8_linear import Int8Linear, quantise, scale_of
from decoding.kernels.int8_rows import LARGEST, quantise_rows, quantise_rows_to_bytes
from decoding.kernels.int8_weights import WEIGHTS, Routine

pytestmark = pytest.mark.instructions


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def framed(steps: torch.Tensor) -> torch.Tensor:
    """Steps [n, in] with the row that `quantise_rows` puts below."""
    ends = torch.zeros(1, steps.shape[1])
    ends[0, 0], ends[0, 1] = LARGEST, -LARGEST - 1
    return torch.cat([steps, ends])


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.float() - wanted.float()).norm() / wanted.float().norm())


@pytest.mark.parametrize("rows", [1, 5, 256, 700])
@pytest.mark.parametrize("has_bias", [True, False])
def test_near_the_product_of_real_numbers(rows: int, has_bias: bool) -> None:
    weight, x = torch.randn(96, 128), torch.randn(rows, 128)
    bias = torch.randn(96) if has_bias else None
    limit = 0.015 if kind_for(weight).largest == LARGEST else 0.02  # a bit less in the weights
    assert relative(Int8Linear(weight, bias)(x), F.linear(x, weight, bias)) < limit


def test_whole_numbers_are_exact() -> None:
    largest = kind_for(torch.empty(8, 16)).largest
    weight = torch.randint(-largest, largest + 1, (8, 16)).float()
    x = torch.randint(-LARGEST, LARGEST + 1, (3, 16)).float()
    weight[:, 0], x[:, 0] = largest, LARGEST  # so that a step is worth one
    assert torch.equal(Int8Linear(weight, None)(x), F.linear(x, weight))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_is_the_same_in_any_company(dtype: torch.dtype) -> None:
    linear = Int8Linear(torch.randn(200, 64), torch.randn(200))
    x = torch.randn(600, 64).mul_(torch.logspace(-3, 3, 600)[:, None]).to(dtype)
    together = linear(x)
    for start, stop in [(0, 1), (7, 12), (100, 400), (599, 600)]:
        assert torch.equal(linear(x[start:stop]), together[start:stop])


def routines() -> list[Routine]:
    """Those that are exact on this processor."""
    tiled = [Routine.TILED] if has_tiles() else []
    quads = [Routine.QUADS] if MULTIPLIES_QUADS else []
    return [Routine.PLAIN, Routine.PACKED, Routine.PAIRS, *tiled, *quads]


def product(routine: Routine, rows: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
    result = torch.empty(len(rows), len(given[0]))
    WEIGHTS[routine](*given).multiply(rows, result)
    return result


@pytest.mark.parametrize("rows", [1, 5, 40, 250])
@pytest.mark.parametrize("inputs", [64, 384])
def test_all_routines_give_the_same_bits(rows: int, inputs: int) -> None:
    """Which one is taken may hang on a clock: no word does."""
    largest = kind_for(torch.empty(1000, 1000)).largest
    weight = torch.randint(-largest, largest + 1, (1000, inputs), dtype=torch.int8)
    scale, bias = torch.rand(1000) + 0.01, torch.randn(1000)
    x = torch.randint(-LARGEST, LARGEST + 1, (rows, inputs)).float()
    x[:, 0] = LARGEST  # so that a step is worth one
    exact = x.double().matmul(weight.double().t()).float() * scale + bias
    for routine in routines():
        assert torch.equal(product(routine, x, weight, scale, bias), exact), routine


@pytest.mark.parametrize("width", [2, 64, 83])
def test_steps_are_those_of_the_library(width: int) -> None:
    x = torch.randn(7, width).mul_(torch.logspace(-3, 3, 7)[:, None])
    x[2] = 0.0
    x[4, 1] = -2 * x[4].abs().max()  # the loudest is below zero
    steps, scales = quantise_rows(x)
    assert torch.equal(scales[:, None], scale_of(x))
    assert torch.equal(steps, framed(quantise(x, scale_of(x))))
    as_bytes, same_scales = quantise_rows_to_bytes(x)
    assert torch.equal(as_bytes.float(), steps[:-1])
    assert torch.equal(same_scales, scales)


def test_a_number_that_is_none_spoils_its_own_row_alone() -> None:
    x = torch.randn(3, 64)
    x[1, 5] = float("nan")
    steps, _ = quantise_rows(x)
    assert steps[1].isnan().all()
    assert torch.equal(steps[[0, 2]], quantise_rows(x[[0, 2]])[0][:-1])
    found = Int8Linear(torch.randn(16, 64), None)(x)
    assert found[1].isnan().all()
    assert found[[0, 2]].isfinite().all()


def test_no_sum_overflows() -> None:
    """All numbers at the ends of their ranges: the worst that a sum of two products can meet."""
    largest = kind_for(torch.empty(1000, 1000)).largest
    weight = torch.tensor([1, -1], dtype=torch.int8)[:, None].expand(2, 256) * largest
    rows = torch.tensor([1.0, -1.0])[:, None].expand(2, 256) * LARGEST
    wanted = rows.double().matmul(weight.double().t()).float()
    for routine in routines():
        given = weight.contiguous(), torch.ones(2), torch.zeros(2)
        assert torch.equal(product(routine, rows, *given), wanted), routine


@pytest.mark.parametrize(
    ("machine", "instructions", "small", "large", "few"),
    [
        ("x86_64", "vnni tiles quads", "tiled", "tiled", FewRows(Routine.QUADS, 40)),
        ("x86_64", "vnni quads", "quads", "quads", None),
        ("x86_64", "vnni tiles", "tiled", "tiled", FewRows(Routine.PAIRS, 10)),
        ("x86_64", "vnni", "plain", "packed", FewRows(Routine.PAIRS, 10)),
        ("x86_64", "quads", "packed", "packed", FewRows(Routine.PAIRS, 10)),  # held to older ones
        ("x86_64", "", "packed", "packed", FewRows(Routine.PAIRS, 10)),
        ("aarch64", "", "plain", "plain", FewRows(Routine.PAIRS, 10)),
    ],
)
def test_way_of_each_processor(
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    instructions: str,
    small: str,
    large: str,
    few: FewRows | None,
) -> None:
    monkeypatch.setattr(int8_choice.platform, "machine", lambda: machine)
    monkeypatch.setattr(int8_choice, "has_vnni", lambda: "vnni" in instructions)
    monkeypatch.setattr(int8_choice, "has_tiles", lambda: "tiles" in instructions)
    monkeypatch.setattr(int8_choice, "MULTIPLIES_QUADS", "quads" in instructions)
    has_older = machine == "x86_64" and "vnni" not in instructions
    largest = LARGEST_WITHOUT_VNNI if has_older else LARGEST
    assert kind_for(torch.empty(10, 10)) == Kind(largest, Routine(small))
    assert kind_for(torch.empty(1000, 1000)) == Kind(largest, Routine(large))
    assert few_rows_beside(Routine(small), torch.empty(10, 10)) == few


def test_what_is_large_or_odd_is_kept_once() -> None:
    assert few_rows_beside(Routine.TILED, torch.empty(MOST_WEIGHTS // 64, 64)) is not None
    assert few_rows_beside(Routine.TILED, torch.empty(MOST_WEIGHTS // 64 + 1, 64)) is None


def test_pairs_are_of_even_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_choice, "has_vnni", lambda: False)
    assert few_rows_beside(Routine.PACKED, torch.empty(64, 63)) is None


def test_tiles_are_left_where_they_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN held to older instructions takes a plain loop for signed bytes."""
    seconds = iter([1.0, 0.5, 1.0, 1000.0])
    monkeypatch.setattr(int8_choice, "_seconds", lambda *_: next(seconds))
    assert multiplies_tiles()
    assert not multiplies_tiles()


@pytest.mark.parametrize(
    ("held", "has"),
    [("", True), ("all", True), ("AVX512_CORE_AMX_FP16", True), ("avx512_core_vnni", False)],
)
def test_tile_instructions_are_no_matter_of_time(
    monkeypatch: pytest.MonkeyPatch, held: str, has: bool
) -> None:
    monkeypatch.setattr(int8_choice.torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(int8_choice, "_seconds", lambda *_: pytest.fail("a clock was asked"))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", held)
    monkeypatch.setattr(int8_choice.torch.cpu, "_init_amx", lambda: True)
    assert has_tile_instructions() is has
    monkeypatch.setattr(int8_choice.torch.cpu, "_init_amx", lambda: False)  # the system forbids it
    assert not has_tile_instructions()
    monkeypatch.setattr(int8_choice.torch.cpu, "_init_amx", lambda: True)
    monkeypatch.setattr(int8_choice.torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not has_tile_instructions()


def test_bytes_are_trusted_where_their_sums_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN held to older instructions adds in 16 bits on a processor that has better ones."""
    if has_vnni():
        assert adds_in_32_bits()
    monkeypatch.setattr(int8_choice.torch.cpu, "_is_vnni_supported", lambda: True)
    monkeypatch.setattr(
        int8_choice.torch, "_int_mm", lambda rows, columns: torch.full((16, 16), 2**15 - 1)
    )
    assert not has_vnni.__wrapped__()


def test_loud_row_does_not_drown_its_neighbours() -> None:
    weight, x = torch.randn(32, 64), torch.randn(2, 64)
    x[0] *= 1000
    quiet = Int8Linear(weight, None)(x)[1:]
    assert relative(quiet, F.linear(x[1:], weight)) < 0.02


def test_row_of_zeros_gives_the_bias() -> None:
    bias = torch.randn(4)
    assert torch.equal(Int8Linear(torch.randn(4, 8), bias)(torch.zeros(2, 8))[1], bias)


def test_shape_and_type_are_kept() -> None:
    linear = Int8Linear(torch.randn(10, 8), None)
    found = linear(torch.randn(2, 3, 8, dtype=torch.bfloat16))
    assert found.shape == (2, 3, 10)
    assert found.dtype == torch.bfloat16


def test_rows_of_another_width_are_refused() -> None:
    linear = Int8Linear(torch.randn(8, 64), None, takes_few_rows=True)
    for width in (63, 65):
        with pytest.raises(ValueError, match="rows of 64"):
            linear(torch.zeros(5, width))

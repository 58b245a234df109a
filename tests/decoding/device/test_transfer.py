"""Numbers on their way between host and device."""

from __future__ import annotations

import pytest
import torch

from decoding.device.transfer import fetch, send

CPU = torch.device("cpu")


def test_numbers_arrive_as_whole_numbers():
    assert torch.equal(send([3, 1], CPU), torch.tensor([3, 1]))
    assert torch.equal(send([(3, 1), (2, 0)], CPU), torch.tensor([[3, 1], [2, 0]]))
    assert send([], CPU).dtype == torch.int64


def test_what_is_on_the_host_is_not_copied():
    tensors = [torch.ones(2), torch.zeros(1, dtype=torch.bool)]
    assert all(one is other for one, other in zip(fetch(tensors), tensors, strict=True))
    assert fetch([]) == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_there_and_back():
    device = torch.device("cuda:0")
    sent = [send([at, at + 1], device) for at in range(20)]
    fetched = fetch([2 * one for one in sent])
    assert [one.tolist() for one in fetched] == [[2 * at, 2 * at + 2] for at in range(20)]

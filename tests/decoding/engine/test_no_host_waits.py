"""What is queued around the token loop waits for no device.

On the meta device tensors have no numbers: whoever asks for one, fails. Indices that are lists are
sought among the operations, because to send one makes the host wait on CUDA. Proven so: the paths
that other devices than the CPU take. What only CUDA does (pinned memory, streams) is not.
"""

from __future__ import annotations

import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from decoding.device import transfer
from decoding.engine import prefill
from decoding.engine.fallback import judge_attempt, plan_attempt
from decoding.engine.language_detection import DetectedLanguage
from decoding.engine.prefill import Prefiller
from decoding.engine.quality import Sounds
from decoding.engine.slot_table import Slot, SlotTable
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.engine.word_timing import WordTimingQueue
from decoding.loading.loader import load_model
from decoding.search.hypotheses import Hypothesis
from decoding.types import DecodingOptions
from tests.decoding.noise import noise
from tests.decoding.operations import living_tensors, storage_of, tensors_in
from tests.decoding.small_models import random_model, save

SPOKEN = tuple(range(1000, 1012))


class NothingSent(TorchDispatchMode):
    """Fails on what comes from the host, but for what decoding/device/transfer.py sends.

    What an index that is a list becomes, and a tensor made of a list, is made by no operation.
    """

    def __enter__(self):
        self._made = [one for one in living_tensors() if one.device.type == "meta"]
        self._storages = {storage_of(one) for one in self._made}
        return super().__enter__()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        given = tensors_in((arguments, named))
        result = function(*arguments, **(named or {}))
        made = tensors_in(result)
        if any(one.device.type == "meta" for one in made) and transfer.__file__ not in _callers():
            are_there = all(one.device.type == "meta" or one.dim() == 0 for one in given)
            assert are_there, f"{function} makes the host wait: it takes what is on the host"
        is_known = all(
            one.device.type == "cpu" or storage_of(one) in self._storages for one in given
        )
        assert is_known, f"{function} makes the host wait: it takes what no operation made"
        self._made += made  # kept, so that no storage is taken for another
        self._storages |= {storage_of(one) for one in made}
        return result


def _callers():
    frame = sys._getframe()
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


@pytest.fixture(scope="module")
def numberless(tmp_path_factory):
    """The small model without its numbers."""
    path = save(random_model(3), tmp_path_factory.mktemp("meta") / "small.pt")
    return load_model(str(path), device="meta", precision="fp32")


@pytest.fixture(autouse=True)
def nothing_fetched(monkeypatch):
    """What would be on its way to the host stays where it is."""
    for module in (transfer, prefill):
        monkeypatch.setattr(module, "to_host", lambda tensor: tensor)


@pytest.fixture(params=["numbers", "lists"])
def watched(request):
    return NothingSent() if request.param == "lists" else torch.inference_mode()


def window_requests(**options):
    prompts = ("the harbour", None, "seven people at the station")
    return [
        WindowRequest(noise(at, 2), DecodingOptions(prompt=prompt, **options))
        for at, prompt in enumerate(prompts)
    ]


def test_numbers_cannot_be_had(numberless):
    with pytest.raises((RuntimeError, NotImplementedError)):
        float(numberless.decoder.columns.plain_bias[0])


@pytest.mark.parametrize(
    "sending",
    [
        lambda there: there[[0, 2]],
        lambda there: there.index_fill_(0, torch.tensor([1]).to("meta"), 2.0),
        lambda there: there.copy_(torch.ones(3)),
        lambda there: there[torch.tensor([1])],
        lambda _there: torch.tensor([1, 2], device="meta") + 1,
    ],
)
def test_lists_that_are_sent_are_seen(sending):
    with pytest.raises(AssertionError, match="makes the host wait"), NothingSent():
        sending(torch.zeros(3, device="meta"))


def test_hearing_several(numberless, watched):
    requests = window_requests(language="en")
    slot_group, prefiller = SlotGroup(numberless, 5, 4), Prefiller(numberless, 4)
    places = [slot_group.reserve() for _ in requests]
    with watched:
        prefiller.prompt(prefiller.encode(requests, slot_group, places))
    assert [one.prefilled.at for one in requests] == places == [0, 1, 2]


def test_hearing_languages_up_to_their_way_to_the_host(numberless, watched):
    slot_group, prefiller = SlotGroup(numberless, 5, 4), Prefiller(numberless, 4)
    with watched:
        encoded = prefiller.encode(window_requests(), slot_group, [0, 1, 2])
    assert encoded.languages.shape == (3, len(numberless.vocabulary.languages))


def test_words_up_to_their_way_to_the_host(numberless, watched):
    slot_group = SlotGroup(numberless, 5, 4)
    finished = window_requests(language="en", temperatures=(0.0,))
    table = SlotTable(slot_group, dict(enumerate(finished)))
    for at, one in enumerate(finished):
        one.language = DetectedLanguage("en")
        hypothesis = Hypothesis(SPOKEN[: 4 + at], -1.0, False)
        judge_attempt(one, hypothesis, Sounds(0.0), numberless.vocabulary)
    leaving = WordTimingQueue(numberless, 2)
    with watched:
        leaving.start([Slot(table, at) for at in range(len(finished))])
    assert [one.request for one in leaving._waiting if one.alignment is not None] == finished


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_seats_are_taken_and_left(numberless, watched, temperature):
    """The first token included; then another attempt, sampled or not."""
    slot_group, prefiller = SlotGroup(numberless, 5, 4), Prefiller(numberless, 4)
    requests = window_requests(language="en", temperatures=(temperature,))
    places = [slot_group.reserve() for _ in requests]
    with watched:
        prefiller.prompt(prefiller.encode(requests, slot_group, places))
        plan = plan_attempt(requests[0], 64)
        slot_group.enter([(one.take_prefilled(), plan) for one in requests])
        slot_group.restart(1, plan)
        slot_group.leave([0])
        slot_group.close_gaps()
    assert len(slot_group) == 2

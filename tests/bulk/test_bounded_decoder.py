import threading
from concurrent.futures import Future

import numpy as np
import pytest

from bulk.bounded_decoder import BoundedDecoder
from decoding.errors import QueueFull
from decoding.types import Clip, DecodingOptions
from tests.planted import PlantedDecoder

CLIP = Clip(np.zeros(10, np.int16))


class Holding(PlantedDecoder):
    """Keeps what it is given; full when it has two."""

    def __init__(self):
        super().__init__()
        self.held = []

    def submit(self, clip, options):
        if len([one for one in self.held if not one.done()]) == 2:
            raise QueueFull("full")
        self.held.append(Future())
        return self.held[-1]


@pytest.fixture
def holding():
    decoder = Holding()
    yield decoder
    decoder.close()


def test_who_asks_for_more_than_there_is_room_waits(holding):
    bounded = BoundedDecoder(holding, 2)
    for _ in range(2):
        bounded.submit(CLIP, DecodingOptions())
    third = threading.Thread(target=bounded.submit, args=(CLIP, DecodingOptions()), daemon=True)
    third.start()
    third.join(0.1)
    assert third.is_alive()
    holding.held[0].cancel()
    third.join(60)
    assert len(holding.held) == 3


def test_a_refusal_takes_no_room(holding):
    bounded = BoundedDecoder(holding, 3)
    for _ in range(2):
        bounded.submit(CLIP, DecodingOptions())
    for _ in range(5):
        with pytest.raises(QueueFull):
            bounded.submit(CLIP, DecodingOptions())


def test_the_rest_is_the_engine_s(holding):
    bounded = BoundedDecoder(holding, 2)
    bounded.cancel("group")
    assert holding.cancelled == ["group"]
    assert bounded.model is holding.model
    assert bounded.statistics() == holding.statistics()
    bounded.close()
    assert holding.is_closed

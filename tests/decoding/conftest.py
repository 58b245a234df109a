"""Models that several files decode with."""

from __future__ import annotations

import pytest
import torch

from decoding.loading.loader import load_model
from tests.decoding.oracle import DEMO
from tests.decoding.small_models import random_model, save


@pytest.fixture(scope="session")
def demo():
    torch.set_num_threads(1)
    return load_model(str(DEMO))


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A random multilingual model of one small layer or two."""
    torch.set_num_threads(1)
    return load_model(str(save(random_model(3), tmp_path_factory.mktemp("small") / "small.pt")))

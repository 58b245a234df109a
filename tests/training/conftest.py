"""One torch thread: the models here are too small to share, and waiting threads cost more."""

from collections.abc import Iterator

import pytest
import torch

from training.vocabulary import tokenizer


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def loaded_tokenizer() -> None:
    """openai-whisper leaves a file open when it first reads its ranks, whichever test is first."""
    tokenizer()

"""The list of models says what the demo model cannot do, and says it of no other."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from app.engines.states import ModelStatus
from app.http.openai_api import _model_document
from app.service import Service
from decoding.types import ModelCard

CARD = ModelCard("demo", False, ("en",), 1, "cpu", "fp32")


def document(card: ModelCard) -> dict[str, Any]:
    status = ModelStatus(card.name, "open", card=card)
    service = SimpleNamespace(model_named=lambda _: status, began=1.0)
    return _model_document(cast(Service, service), "whisper-1")


def test_the_demo_model_is_said_not_to_understand_people() -> None:
    assert "not people" in document(CARD)["description"]


def test_other_models_are_described_as_openai_does() -> None:
    told = document(replace(CARD, name="turbo"))
    assert set(told) == {"id", "object", "created", "owned_by"}

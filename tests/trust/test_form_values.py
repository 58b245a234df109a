"""Values that a form may hold and nobody means: taken or refused, never a mistake of ours."""

from __future__ import annotations

import json

import pytest

from app.errors import OK, ApiError
from app.http.fields import Fields
from app.http.form_model import CUE_FIELDS
from app.http.forms import read_form
from decoding.types import ModelCard
from tests.app.calls import submit
from tests.app.conftest import Running, Start

CARD = ModelCard("planted", True, ("en", "de"), 1, "cpu", "fp32")
NUMBERS = (
    *("beam_size", "best_of", "patience", "length_penalty", "temperature", "window", "overlap"),
    *CUE_FIELDS,
)
WORDS = (
    *("language", "languages", "channels", "response_format", "stream", "vad", "include"),
    "ranking",
)
NASTY = (
    *("9" * 260, "-" + "9" * 260, "9" * 4200, "9" * 5000, "1e308", "-1e308", "1e999", "nan"),
    *("inf", "-0", "0", "١", "1_0", "0x10", " 1 ", "\x00", "\ud800".encode("utf-8", "replace")),
    *("[]", "{}", "null", "true", "a" * 5000, "é" * 500, "%s", "../../x"),
)
SENSELESS = (None, True, [], {}, ["server_vad"], {"a": 1}, 10**400, -(10**400), 1e308, "x", "")


def read(*pairs: tuple[str, str]) -> None:
    status = OK
    try:
        read_form(Fields(pairs), CARD)
    except ApiError as error:
        status = error.status
    assert status in {OK, 400}


@pytest.mark.parametrize("name", [*NUMBERS, *WORDS, "chunking_strategy", "hotwords", "prompt"])
def test_senseless_values(name: str):
    for value in NASTY:
        text = value if isinstance(value, str) else value.decode()
        read((name, text))
        read((name, text), ("response_format", "srt"))


@pytest.mark.parametrize(
    "name", ["type", "threshold", "silence_duration_ms", "prefix_padding_ms", "unknown"]
)
def test_senseless_strategies(name: str):
    for value in SENSELESS:
        read(("chunking_strategy", json.dumps({name: value})))
        read(("chunking_strategy", json.dumps({"type": "server_vad", name: value})))
    for value in NASTY:
        read((f"chunking_strategy[{name}]", value if isinstance(value, str) else "x"))


@pytest.mark.parametrize("text", ["{", '{"a":' * 100_000, '{"a": NaN}', "{}{}", '{"a":"\\ud800"}'])
def test_broken_strategies(text: str):
    read(("chunking_strategy", text))


@pytest.mark.parametrize("channel", ["9" * 260, "-1", "64", "9" * 5000, "1e3", "x"])
def test_channels_that_no_recording_has(shared: Running, channel: str):
    with shared.client() as client:
        job = shared.wait(submit(client).json()["id"])
        answer = client.get(f"/v1/jobs/{job['id']}/clip?start=0&end=1&channel={channel}")
    assert answer.status_code in {400, 404}
    assert "error" in answer.json()


def test_text_of_a_form_is_bounded_together(start: Start):
    running = start(max_field_bytes=4096)
    with running.client() as client:
        many = {f"field{number}": "x" * 1000 for number in range(4)}
        few = submit(client, data=many)
        assert few.status_code == 202
        answer = submit(client, data={**many, "last": "x" * 1000})
    assert answer.json()["error"]["code"] == "field_too_long"

from __future__ import annotations

import json

import pytest

from app.batches.requests import MOST_ERRORS, read_lines

ENDPOINT = "/v1/audio/transcriptions"


def line(**changed: object) -> bytes:
    given = {
        "custom_id": "one",
        "method": "POST",
        "url": ENDPOINT,
        "body": {"model": "base", "url": "https://example.org/talk.mp3"},
    }
    return json.dumps(given | changed).encode()


def errors_of(content: bytes, most: int = 10) -> list[tuple[str, int | None]]:
    _, errors = read_lines(content, ENDPOINT, most)
    return [(error.code, error.line) for error in errors]


def test_fields_of_the_body_are_those_of_a_form():
    body = {
        "model": "base",
        "file_id": "file-1",
        "language": None,
        "temperature": 0.5,
        "stream": False,
        "timestamp_granularities": ["word", "segment"],
        "chunking_strategy": {"type": "server_vad"},
    }
    (found,), errors = read_lines(line(body=body) + b"\n\n", ENDPOINT, 10)
    assert not errors
    assert (found.number, found.custom_id, found.source) == (1, "one", "file-1")
    assert found.form == (
        ("model", "base"),
        ("temperature", "0.5"),
        ("stream", "false"),
        ("timestamp_granularities", "word"),
        ("timestamp_granularities", "segment"),
        ("chunking_strategy", '{"type": "server_vad"}'),
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid_json_line"),
        (b"[]", "invalid_json_line"),
        (b"[" * 100_000, "invalid_json_line"),
        (b"\xff", "invalid_json_line"),
        (line(custom_id=7), "invalid_custom_id"),
        (line(custom_id=""), "invalid_custom_id"),
        (line(custom_id="x" * 513), "invalid_custom_id"),
        (line(custom_id="a\x00"), "invalid_custom_id"),
        (line(custom_id="\ud800"), "invalid_custom_id"),
        (line(body={"url": "https://a.b/\ud800"}), "missing_audio"),
        (line(body={"url": "https://a.b/", "prompt": "\ud800"}), "invalid_body"),
        (line(method="GET"), "invalid_method"),
        (line(url="/v1/chat/completions"), "mismatched_endpoint"),
        (line(body=[]), "invalid_body"),
        (line(body={"model": "base"}), "missing_audio"),
        (line(body={"url": 7}), "missing_audio"),
        (line(body={"url": "https://a.b/", "file_id": "file-1"}), "missing_audio"),
    ],
)
def test_what_is_no_request_is_named_with_its_line(content: bytes, code: str):
    assert errors_of(line(custom_id="fine") + b"\n" + content) == [(code, 2)]


def test_names_are_used_once():
    assert errors_of(line() + b"\n" + line()) == [("duplicate_custom_id", 2)]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file(content: bytes):
    assert errors_of(content) == [("empty_file", None)]


def test_a_file_of_too_many_requests():
    lines = [line(custom_id=str(number)) for number in range(3)]
    assert errors_of(b"\n".join(lines), most=3) == []
    assert errors_of(b"\n".join(lines), most=2) == [("too_many_requests", None)]


def test_a_file_of_nothing_but_errors_is_not_read_for_ever():
    assert len(errors_of(b"{\n" * (MOST_ERRORS + 50))) == MOST_ERRORS

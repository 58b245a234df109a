"""The form, its description and the page know the formats of the one table, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import app
from app.errors import ApiError
from app.http.fields import Fields
from app.http.forms import Asked, read_form
from app.http.schemas import TRANSCRIPT_TYPES, form_body
from decoding.types import ModelCard, Task
from transcription.render import FORMATS

CARD = ModelCard("planted", True, ("en", "de"), 0, "cpu", "fp32")
MENU = Path(app.__file__).parent / "static" / "downloads.js"


def asked(name: str, *more: tuple[str, str], task: Task = "transcribe") -> Asked:
    pairs = [("model", "planted"), ("response_format", name), *more]
    if FORMATS[name].has_speakers:
        pairs.append(("channels", "split"))
    return read_form(Fields(pairs), CARD, task)


def is_taken(name: str, *more: tuple[str, str], task: Task = "transcribe") -> bool:
    try:
        return asked(name, *more, task=task).response_format == name
    except ApiError:
        return False


@pytest.mark.parametrize("name", FORMATS)
def test_the_form_takes_every_format_and_what_goes_with_it(name: str):
    form = FORMATS[name]
    assert is_taken(name)
    assert is_taken(name, ("stream", "true")) == form.is_streamable
    assert is_taken(name, ("max_lines", "1")) == form.has_cues
    assert is_taken(name, task="translate") != form.has_speakers


@pytest.mark.parametrize("task", ["transcribe", "translate"])
def test_the_description_lists_what_the_form_takes(task: Task):
    body = form_body(task, required=("file", "model"))["requestBody"]["content"]
    fields = body["multipart/form-data"]["schema"]["properties"]
    assert fields["response_format"]["enum"] == [n for n in FORMATS if is_taken(n, task=task)]
    assert set(TRANSCRIPT_TYPES) == {f.media_type.partition(";")[0] for f in FORMATS.values()}


def test_the_page_offers_formats_of_the_table():
    table = re.search(r"const FORMATS = \[(.*?)\n\];", MENU.read_text("utf-8"), re.DOTALL)
    assert table
    rows = re.findall(r'\["(\w+)", "[^"]+", "([\w.]+)"\]', table[1])
    assert len(rows) == len(table[1].strip().splitlines())
    for name, ending in rows:
        assert ending.split(".")[-1] == FORMATS[name].suffix
    with_cues = re.search(r"const SUBTITLES = \[(.*?)\];", MENU.read_text("utf-8"))
    assert with_cues
    assert set(re.findall(r"\w+", with_cues[1])) == {n for n, _ in rows if FORMATS[n].has_cues}


@pytest.mark.parametrize("mark", ["", "[]", "[0]"])
def test_lists_as_clients_mark_them(mark: str):
    """PHP numbers the items; a field that was not understood would be passed over in silence."""
    words = asked("verbose_json", (f"timestamp_granularities{mark}", "word"))
    assert words.granularities == ("word",)
    fields = Fields([("languages[0]", "en"), ("languages[1]", "de"), ("include[x]", "y")])
    assert fields.texts("languages") == ("en", "de")
    assert fields.texts("include") == ()

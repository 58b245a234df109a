"""A default is written once: form, description, command line and page all have it from there."""

from __future__ import annotations

import ast
import inspect
import math
from html.parser import HTMLParser
from pathlib import Path

import pytest

import app
from app.errors import ApiError
from app.http import form_model
from app.http.fields import Fields
from app.http.form_model import TranscriptionForm, describe_fields
from app.http.forms import Asked, read_form
from chunking.options import CueOptions, WindowOptions
from decoding.types import ModelCard
from transcription import __main__ as command_line
from transcription.options import TranscriptionOptions

CARD = ModelCard("planted", True, ("en", "de"), 0, "cpu", "fp32")
PAGE = Path(app.__file__).parent / "static" / "index.html"
DESCRIBED = describe_fields("transcribe")
NEEDED = {
    "chain": [("plan", "chains")],
    **{name: [("response_format", "srt")] for name in form_model.CUE_FIELDS},
}
SHARED = sorted(inspect.signature(command_line.run).parameters.keys() & DESCRIBED.keys())


def asked(name: str = "", value: object = None) -> Asked:
    pairs = [(name, str(value))] if name else []
    return read_form(Fields([*pairs, *NEEDED.get(name, ())]), CARD)


def is_taken(name: str, value: object) -> bool:
    try:
        asked(name, value)
    except ApiError as error:
        return error.param != name
    return True


def test_an_empty_form_asks_for_the_defaults():
    assert asked().options == TranscriptionOptions()
    assert asked().cues == CueOptions()


@pytest.mark.parametrize("name", [n for n, schema in DESCRIBED.items() if "default" in schema])
def test_a_default_that_is_described_is_the_one_of_the_form(name: str):
    assert asked(name, DESCRIBED[name]["default"]).options == asked().options
    assert asked(name, DESCRIBED[name]["default"]).cues == asked().cues


@pytest.mark.parametrize("name", [n for n, schema in DESCRIBED.items() if "minimum" in schema])
def test_a_bound_that_is_described_is_the_one_of_the_form(name: str):
    low, high = DESCRIBED[name]["minimum"], DESCRIBED[name].get("maximum")
    below = low - 1 if DESCRIBED[name]["type"] == "integer" else math.nextafter(low, -math.inf)
    assert (is_taken(name, low), is_taken(name, below)) == (True, False)
    if high is not None:
        above = high + 1 if DESCRIBED[name]["type"] == "integer" else math.nextafter(high, math.inf)
        assert (is_taken(name, high), is_taken(name, above)) == (True, False)


@pytest.mark.parametrize("name", sorted(TranscriptionForm.model_fields.keys() - form_model.LISTS))
def test_two_values_of_a_field_that_has_one_are_refused(name: str):
    """Whichever was taken, the other would be passed over in silence."""
    with pytest.raises(ApiError, match="given twice") as caught:
        read_form(Fields([(name, "one"), (name, "one"), (name, "two")]), CARD)
    assert (caught.value.status, caught.value.param) == (400, name)


def test_the_same_value_twice_is_one_value():
    twice = [("beam_size", "3"), ("beam_size", "3"), ("beam_size", "")]
    assert read_form(Fields(twice), CARD) == asked("beam_size", 3)


@pytest.mark.parametrize("name", sorted(TranscriptionForm.model_fields))
def test_a_field_that_comes_as_a_file_is_refused(name: str):
    mark = "[]" if name in form_model.LISTS else ""
    with pytest.raises(ApiError, match="came as a file") as caught:
        read_form(Fields(files=[name + mark]), CARD)
    assert (caught.value.status, caught.value.param) == (400, name)


def test_what_nobody_knows_may_come_twice_and_as_a_file():
    fields = Fields([("colour", "red"), ("colour", "blue")], files=["picture"])
    assert read_form(fields, CARD) == asked()


def test_patience_is_above_its_bound():
    low, high = DESCRIBED["patience"]["exclusiveMinimum"], DESCRIBED["patience"]["maximum"]
    values = (low, math.nextafter(low, 1), high, math.nextafter(high, math.inf))
    assert [is_taken("patience", value) for value in values] == [False, True, True, False]


@pytest.mark.parametrize("name", SHARED)
def test_the_command_line_has_the_same_defaults(name: str):
    option = inspect.signature(command_line.run).parameters[name]
    field = TranscriptionForm.model_fields[name]
    assert option.default == field.default


@pytest.mark.parametrize("module", [form_model, command_line])
def test_no_default_of_both_is_written_in_either(module: object):
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]  # both are modules
    found = dict(defaults_in(tree))
    assert found.keys() >= set(SHARED)
    constants = [name for name in SHARED if isinstance(found[name], ast.Constant)]
    assert [name for name in constants if ast.literal_eval(found[name]) is not None] == []


def defaults_in(tree: ast.AST):
    """Names of arguments and of fields, each with the expression of its default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "run":
            names = [argument.arg for argument in node.args.args]
            given = node.args.defaults
            yield from zip(names[-len(given) :], given, strict=True)
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            value = node.value
            is_field = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Field"
            yield node.target.id, value.args[0] if is_field else value


class Inputs(HTMLParser):
    """The attributes of all fields to fill in, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "number" and given.get("name"):
            self.found[str(given["name"])] = given


def numbers_of_the_page() -> dict[str, dict[str, str | None]]:
    inputs = Inputs()
    inputs.feed(PAGE.read_text("utf-8"))
    return inputs.found


@pytest.mark.parametrize("name", sorted(numbers_of_the_page().keys() & DESCRIBED.keys()))
def test_the_page_shows_the_defaults_and_asks_for_nothing_refused(name: str):
    shown = numbers_of_the_page()[name]
    default = getattr(TranscriptionForm(), name)
    if name == "overlap":  # of the window that is the default
        default = WindowOptions().overlap
    assert default is None or float(shown["placeholder"] or "nan") == default
    for bound in (shown["min"], shown.get("max")):
        assert bound is None or is_taken(name, bound)


def test_the_page_asks_for_options():
    assert {"beam_size", "window", "overlap"} <= numbers_of_the_page().keys() & DESCRIBED.keys()

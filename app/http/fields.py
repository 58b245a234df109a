"""Text fields of a form and what they mean, kind by kind. Knows no field by its name.

A kind reads the text of a field, says in our words what is wrong with it, and describes itself for
OpenAPI. Bounds of a kind are a description: the options that a field becomes check themselves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema

from app.errors import bad_request

MAX_LISTED = 64
MAX_COUNT = 1_000_000_000
MAX_PROMPT = 20_000
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_ITEM = re.compile(r"\[[0-9]*\]$")  # how clients mark an item of a list; PHP numbers them
N = TypeVar("N", int, float)


def field_name(name: str) -> str:
    """A name without the mark of a list: `include[]` and `include[0]` are `include`."""
    return _ITEM.sub("", name)


class Fields:
    """Text fields of one form by their `field_name`. An empty value counts as not given.

    `files`: names of parts that came as files, whose contents nobody kept. A field that is asked
    for and cannot be read as it was meant raises `ApiError`; one that nobody asks for never does.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]] = (), files: Collection[str] = ()) -> None:
        self._files = {field_name(name) for name in files}
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value != "":
                self._values.setdefault(field_name(name), []).append(value)

    def text(self, name: str) -> str | None:
        values = self._given(name)
        others = [value for value in values if value != values[0]]
        if others:
            message = f"{name} is given twice, as {values[0][:100]!r} and {others[0][:100]!r}."
            raise bad_request(message, param=name, code="conflicting_values")
        return values[0] if values else None

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._given(name)
        if len(values) > MAX_LISTED:
            raise bad_request(f"{name} takes at most {MAX_LISTED} values.", param=name)
        return values

    def _given(self, name: str) -> tuple[str, ...]:
        if name in self._files:
            message = f"{name} came as a file: send it as a text field, without a file name."
            raise bad_request(message, param=name, code="field_is_a_file")
        return tuple(self._values.get(name, ()))


def as_choice(name: str | None, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise bad_request(f"{name} must be one of {known}, not {value[:100]!r}.", param=name)
    return value


def as_float(name: str | None, value: str) -> float:
    return _parsed(name, value, float, "a number")


def as_whole(name: str | None, value: str) -> int:
    return _parsed(name, value, _whole, "a whole number")


def number(*, least: float | None = None, **bounds: float) -> PlainValidator:
    """`least`: a bound that is checked here, for nothing behind the form does."""
    return _numeric(as_float, Annotated[float, _limits(least, bounds)], least)


def count(*, least: int | None = None, **bounds: int) -> PlainValidator:
    return _numeric(as_whole, Annotated[int, _limits(least, bounds)], least)


def flag() -> PlainValidator:
    def read(value: str, info: ValidationInfo) -> bool:
        if value.lower() not in _TRUE | _FALSE:
            message = f"{info.field_name} must be true or false, not {value[:100]!r}."
            raise bad_request(message, param=info.field_name)
        return value.lower() in _TRUE

    return PlainValidator(read, json_schema_input_type=bool)


def one_of(choices: Sequence[str]) -> PlainValidator:
    def read(value: str, info: ValidationInfo) -> str:
        return as_choice(info.field_name, value, choices)

    return PlainValidator(read, json_schema_input_type=_enum(choices))


def some_of(choices: Sequence[str]) -> PlainValidator:
    """A list of the choices, each once, in their own order."""

    def read(given: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        unknown = [value for value in given if value not in choices]
        if unknown:
            known = " and ".join(map(repr, choices))
            message = f"{info.field_name} takes {known}, not {unknown[0][:100]!r}."
            raise bad_request(message, param=info.field_name)
        return tuple(name for name in choices if name in given)

    return PlainValidator(read, json_schema_input_type=tuple[_enum(choices), ...])  # type: ignore[misc]  # made as it runs


def text(longest: int | None = None) -> PlainValidator:
    def read(value: str, info: ValidationInfo) -> str:
        if longest is not None and len(value) > longest:
            message = f"{info.field_name} takes at most {longest} characters."
            raise bad_request(message, param=info.field_name)
        return value

    return PlainValidator(read, json_schema_input_type=str)


def texts() -> PlainValidator:
    return PlainValidator(tuple, json_schema_input_type=tuple[str, ...])


def _enum(choices: Sequence[str]) -> Any:
    return Annotated[str, WithJsonSchema({"type": "string", "enum": list(choices)})]


def _limits(least: float | None, bounds: Mapping[str, float]) -> Any:
    limits: dict[str, Any] = {**bounds} if least is None else {"ge": least, **bounds}
    return Field(**limits)


def _numeric(
    read: Callable[[str | None, str], N], described: Any, least: float | None
) -> PlainValidator:
    def checked(value: str, info: ValidationInfo) -> N:
        name, given = info.field_name, read(info.field_name, value)
        if least is not None and not (math.isfinite(given) and given >= least):
            raise bad_request(f"{name} must be {least} or more, got {given}.", param=name)
        return given

    return PlainValidator(checked, json_schema_input_type=described)


def _parsed(name: str | None, value: str, parse: Callable[[str], N], kind: str) -> N:
    try:
        return parse(value)
    except ValueError:
        raise bad_request(f"{name} must be {kind}, not {value[:100]!r}.", param=name) from None


def _whole(text: str) -> int:
    """A whole number that a float can stand for."""
    value = int(text)
    if abs(value) > MAX_COUNT:
        raise ValueError(f"{len(text)} digits")
    return value

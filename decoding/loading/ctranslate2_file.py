"""CTranslate2's container of variables, `model.bin`: an index first, then tensors one by one.

Knows nothing of Whisper. Nothing is allocated for a length that the file does not have.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader

import torch
from torch import Tensor

from decoding.errors import ModelUnreadable

BINARY_VERSION = 6  # that of every CTranslate2 which reads Whisper: 3.0 and later
DTYPES = (
    torch.float32, torch.int8, torch.int16, torch.int32, torch.float16, torch.bfloat16,
)  # fmt: skip
"""CTranslate2's types, each at its number."""

MOST_DIMENSIONS = 4
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Variable:
    """Where a tensor lies in the file, and what it is."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    offset: int

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Index:
    """What a container holds; an alias is another name for the same `Variable`."""

    spec: str
    revision: int
    variables: Mapping[str, Variable]


def read_index(file: BufferedReader, name: str) -> Index:
    """The index of an open container; `name` is the file's in errors.

    Raises `ModelUnreadable` for a container that is damaged or of another version.
    """
    cursor = _Cursor(file, name)
    version = cursor.number("I")
    if version != BINARY_VERSION:
        raise ModelUnreadable(
            f"{name} has binary version {version} and CTranslate2's Whisper models have "
            f"{BINARY_VERSION}: download it again, or convert the model with CTranslate2 3 or 4"
        )
    spec, revision = cursor.text(), cursor.number("I")
    variables: dict[str, Variable] = {}
    for _ in range(cursor.number("I")):
        variable_name = cursor.text()
        if variable_name in variables:
            raise damaged(name, f"{variable_name!r} is there twice")
        variables[variable_name] = cursor.variable(variable_name)
    for _ in range(cursor.number("I")):
        _add_alias(variables, cursor.text(), cursor.text(), name)
    if cursor.position != cursor.size:
        raise damaged(name, "it goes on behind its end")
    return Index(spec, revision, variables)


def _add_alias(variables: dict[str, Variable], alias: str, target: str, name: str) -> None:
    """An alias of a quantised weight is one of its scale too."""
    if target not in variables:
        raise damaged(name, f"{alias!r} stands for {target!r}, which is not there")
    if alias in variables:
        raise damaged(name, f"{alias!r} is there twice")
    variables[alias] = variables[target]
    if f"{target}_scale" in variables:
        variables[f"{alias}_scale"] = variables[f"{target}_scale"]


def read_variable(file: BufferedReader, variable: Variable, name: str) -> Tensor:
    """The tensor as it is stored, in memory of its own."""
    content = torch.empty(variable.size_bytes, dtype=torch.uint8)
    file.seek(variable.offset)
    if file.readinto(content.numpy().data) != variable.size_bytes:
        raise damaged(name, "it ends too early")
    return content.view(variable.dtype).reshape(variable.shape)


def damaged(name: str, how: str) -> ModelUnreadable:
    """The error for a file that nobody wrote so on purpose."""
    return ModelUnreadable(
        f"{name} is damaged, {how}: download it again, or convert the model again"
    )


class _Cursor:
    """Goes through an open file from its start and never past its end."""

    def __init__(self, file: BufferedReader, name: str) -> None:
        self._file = file
        self._name = name
        self.position = 0
        self.size = os.fstat(file.fileno()).st_size

    def number(self, kind: str) -> int:
        """An unsigned number; `kind` is its format in `struct`."""
        value: int = struct.unpack("<" + kind, self._bytes(struct.calcsize("<" + kind)))[0]
        return value

    def text(self) -> str:
        """A length, text, and a zero byte that the length counts."""
        content = self._bytes(self.number("H"))
        try:
            text = content[:-1].decode()
        except UnicodeDecodeError as error:
            raise damaged(self._name, "a name in it is no text") from error
        if content[-1:] != b"\0" or not text.isprintable() or len(text) > LONGEST_NAME:
            raise damaged(self._name, "a name in it is no name")
        return text

    def variable(self, name: str) -> Variable:
        """The description of a tensor; its content is passed over."""
        rank = self.number("B")
        if rank > MOST_DIMENSIONS:
            raise damaged(self._name, f"{name!r} has {rank} dimensions")
        shape = tuple(self.number("I") for _ in range(rank))
        kind, size_bytes = self.number("B"), self.number("I")
        if kind >= len(DTYPES):
            raise damaged(self._name, f"{name!r} has the unknown type {kind}")
        variable = Variable(shape, DTYPES[kind], self.position)
        if variable.size_bytes != size_bytes:
            raise damaged(self._name, f"{name!r} has not as many bytes as its shape needs")
        self._pass_over(size_bytes)
        return variable

    def _bytes(self, length: int) -> bytes:
        self._check(length)
        self._file.seek(self.position)
        self.position += length
        return self._file.read(length)

    def _pass_over(self, length: int) -> None:
        self._check(length)
        self.position += length

    def _check(self, length: int) -> None:
        if length > self.size - self.position:
            raise damaged(self._name, "it ends too early")

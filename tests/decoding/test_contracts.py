"""Whoever takes tensors says of which shape, and the port says what it raises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import decoding.errors
from decoding.types import Decoder

ROOT = Path(decoding.errors.__file__).parent
FOLDERS = ("engine", "kernels", "model", "search", "timing")
TENSORS = re.compile(r"\b(Tensor|KeyValue|NDArray)\b")
SHAPE = re.compile(r"\[[^\[\]]+\]|one number|\(n,\)")
# Loading takes weights under the names, and in the shapes, of openai-whisper's files.
LOADING = {"load", "__init__"}


def public_functions(path):
    """(name, function, class) of what others may call, wherever it is defined."""
    for node in ast.parse(path.read_text("utf-8")).body:
        is_class = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, None
        for one in node.body if is_class else ():
            is_public = not one.name.startswith("_") if hasattr(one, "name") else False
            if isinstance(one, ast.FunctionDef) and (is_public or one.name == "__call__"):
                yield f"{node.name}.{one.name}", one, node


def takes_tensors(function):
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotations = (one.annotation for one in (*arguments, function.args.vararg) if one)
    return any(TENSORS.search(ast.unparse(one)) for one in annotations if one is not None)


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_takes_tensors_tells_their_shapes(folder):
    """In its own words, or for the one thing that a class does in those of the class."""
    silent = []
    for path in sorted((ROOT / folder).glob("*.py")):
        for name, function, owner in public_functions(path):
            if takes_tensors(function) and function.name not in LOADING:
                told = ast.get_docstring(function) or ""
                if function.name == "__call__" and owner is not None:
                    told += ast.get_docstring(owner) or ""
                if not SHAPE.search(told):
                    silent.append(f"{path.name}: {name}")
    assert silent == []


def test_the_port_names_errors_that_there_are():
    told = Decoder.__doc__ + Decoder.submit.__doc__
    named = set(re.findall(r"`([A-Z]\w+)`", told))
    assert {"QueueFull", "UnsupportedOption", "EngineAway", "EngineFailed"} <= named
    errors = {name for name, one in vars(decoding.errors).items() if isinstance(one, type)}
    for name in named - {"Future", "Decoded"}:
        assert name in errors, name

"""Every module has a test file of its name, or one line that says where it is tested."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ELSEWHERE = "tests/elsewhere.toml"
TOLD = tomllib.loads((ROOT / ELSEWHERE).read_text("utf-8"))
ROOMS = ("app", "benchmarks", "bulk", "chunking", "decoding", "training", "transcription")


def modules_of(room):
    """Names of the room's modules below it: `merging/merger.py`."""
    paths = (ROOT / room).rglob("*.py")
    return {str(one.relative_to(ROOT / room)) for one in paths if one.name != "__init__.py"}


def mirror_of(room, module):
    path = ROOT / "tests" / room / module
    return path.with_name(f"test_{path.name}")


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_its_test_or_says_where(room):
    mirrored = {module for module in modules_of(room) if mirror_of(room, module).exists()}
    untold = modules_of(room) - mirrored - TOLD[room].keys()
    assert untold == set(), f"no test of that name, and no line in {ELSEWHERE}"
    assert mirrored & TOLD[room].keys() == set(), f"they have a test; {ELSEWHERE} says elsewhere"
    assert TOLD[room].keys() - modules_of(room) == set(), f"{ELSEWHERE} names what is no more"


@pytest.mark.parametrize("room", ROOMS)
def test_where_a_module_is_tested_it_is_loaded(room):
    """By the test, its fixtures or the code that these import, or in a process they start."""
    for module, test in TOLD[room].items():
        path = ROOT / "tests" / test
        assert path.exists(), test
        assert ROOT / room / module in loaded_by(path), f"{test} does not load {room}/{module}"


def loaded_by(test):
    """All files of this repository that a test file and the fixtures beside it come to import."""
    fixtures = [folder / "conftest.py" for folder in test.parents if ROOT in folder.parents]
    found, new = set(), {test, *filter(Path.exists, fixtures)}
    while new:
        found |= new
        new = set().union(*map(imported_by, new)) - found
    return found


@cache
def imported_by(path):
    """Files that a file imports, or names in a string as `module` or `module:function`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value.partition(":")[0])
    parts = [name.split(".") for name in names if name and re.fullmatch(r"\w+(\.\w+)*", name)]
    found = {ROOT.joinpath(*folders, f"{name}.py") for *folders, name in parts}
    found |= {ROOT.joinpath(*one, file) for one in parts for file in ("__init__.py", "__main__.py")}
    return {one for one in found if one.is_file()}

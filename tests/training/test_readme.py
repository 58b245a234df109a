"""Every command that the documents of training name exists, with the options that they give it."""

import re
from pathlib import Path

import pytest
import typer

from training.__main__ import app

FOLDER = Path(__file__).parents[2] / "training"
COMMAND = re.compile(r"python\s+-m\s+training\s+([a-z][a-z-]*)([^`#\n]*(?:\n[^`#\n]*)?)")
OPTION = re.compile(r"(--[a-z][a-z-]*)")


def documented() -> list[tuple[str, str, str]]:
    return [
        (path.name, name, rest)
        for path in sorted(FOLDER.glob("*.md"))
        for name, rest in COMMAND.findall(path.read_text("utf-8"))
    ]


@pytest.mark.parametrize(("document", "name", "rest"), documented())
def test_documented_commands_exist(document: str, name: str, rest: str) -> None:
    commands = typer.main.get_command(app).commands
    assert name in commands, f"{document} names the command {name}"
    known = {option for one in commands[name].params for option in one.opts}
    assert set(OPTION.findall(rest.split("python -m")[0])) <= known


def test_both_documents_name_commands() -> None:
    assert {document for document, _, _ in documented()} == {"MODEL_CARD.md", "README.md"}

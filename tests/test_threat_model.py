"""The tests that docs/threat-model.md names exist, and every threat names one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODEL = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
THREATS = [
    line
    for line in MODEL.split("## Threats")[1].splitlines()
    if line.startswith("| ") and not line.startswith("| threat ")
]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MODEL)))


def test_every_threat_has_a_defence_and_a_test():
    assert len(THREATS) > 30
    for line in THREATS:
        threat, defence, held_by = (cell.strip() for cell in line.strip("| ").split(" | "))
        assert threat
        assert defence
        assert re.search(r"`tests/[\w/]+\.py::\w+`", held_by), threat


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_named_test_exists(file, name):
    source = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^ *def {name}\(", source, re.MULTILINE)
    if file.startswith("tests/image/"):  # there a test is a step
        assert f"self.{name})" in source
    else:
        assert name.startswith("test_")


@pytest.mark.parametrize(("page", "folder"), [(SECURITY, ROOT), (MODEL, ROOT / "docs")])
def test_links_lead_somewhere(page, folder):
    targets = re.findall(r"\]\((?!http)([^)#]+)", page)
    assert targets
    for target in targets:
        assert (folder / target).exists(), target


def test_what_is_in_prose_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", SECURITY + MODEL):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    [place] = re.findall(r"`(/usr/share/sbom/\S+)`", SECURITY)
    assert place in dockerfile

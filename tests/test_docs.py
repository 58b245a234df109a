"""What the documents say must exist."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GUIDES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ROOMS = ("app", "benchmarks", "bulk", "chunking", "decoding", "training", "transcription")
COMMANDS = sorted(set(re.findall(r"python -m (\w+)(?: ([a-z][\w-]+)(?= |$|\n|`))?", README)))


def test_readme_targets_are_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "serve", "check", "bench"} <= named <= targets


@pytest.mark.parametrize("room", sorted({room for room, _ in COMMANDS}))
def test_readme_commands_can_be_run(room):
    shown = subprocess.run(
        [sys.executable, "-m", room, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
    ).stdout
    for sub in (sub for command, sub in COMMANDS if command == room and sub):
        if not (ROOT / sub).exists():
            assert sub in shown


def test_readme_settings_exist():
    known = {f"LONGFORM_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"LONGFORM_[A-Z_]*[A-Z]", "\n".join((README, *GUIDES.values()))))
    assert named
    assert named <= known


def test_readme_leads_to_every_guide():
    for name in GUIDES:
        assert f"](docs/{name})" in README


def test_links_lead_somewhere():
    pages = [(ROOT, page) for page in (README, ARCHITECTURE, CONTRIBUTING)]
    pages += [(ROOT / "docs", page) for page in GUIDES.values()]
    for folder, page in pages:
        for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", page):
            assert (folder / target).exists(), target


def test_changes_are_described_with_files_that_exist():
    files = re.findall(r"`(\w+/[\w/.]*)`", CONTRIBUTING)
    assert len(set(files)) > 30
    for file in files:
        assert (ROOT / file).exists(), file
    sources = "".join(
        path.read_text("utf-8") for room in ROOMS for path in ROOT.glob(f"{room}/**/*.py")
    )
    for name in re.findall(r"`(\w+)`", CONTRIBUTING):  # functions and types
        assert re.search(rf"^ *(def |class )?{name}( = |\(|:)", sources, re.MULTILINE), name


def test_map_names_what_exists_and_fits_a_sitting():
    assert ARCHITECTURE.count("\n") <= 200
    for room in ROOMS:
        assert f"`{room}/`" in ARCHITECTURE
        assert (ROOT / room / "__init__.py").exists()
    for module in re.findall(r"`(transcription/\w+)\.py`", ARCHITECTURE):
        assert (ROOT / f"{module}.py").exists(), module


def parts_of(text, heading):
    """What follows each `heading`, by the name in it, up to the next; "" is what is before."""
    before, *rest = re.split(heading, text, flags=re.MULTILINE)
    return {"": before, **dict(zip(rest[::2], rest[1::2], strict=True))}


@pytest.mark.parametrize("room", ROOMS)
def test_map_names_every_file(room):
    """Each in the paragraph of its folder: in ARCHITECTURE.md, or in the README of the room."""
    own_map = ROOT / room / "README.md"
    text = own_map.read_text() if own_map.exists() else rooms_on_the_map()[room]
    folders = parts_of(text, r"^- `([\w/]+)/`")
    for path in sorted((ROOT / room).rglob("*.py")):
        *folder, name = path.relative_to(ROOT / room).with_suffix("").parts
        if name != "__init__":
            named = re.findall(r"`(\w+)`", folders["/".join(folder)])
            assert name in named, f"{path.relative_to(ROOT)} is not on the map"


def rooms_on_the_map():
    return parts_of(ARCHITECTURE, r"^\*\*`(\w+)/`\*\*")


def test_rooms_of_numbers_alone_do_not_load_torch():
    code = (
        "import sys, chunking.merging.merger, decoding.types, transcription.options;"
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "False"


def test_every_room_has_its_tests():
    for room in ROOMS:
        assert importlib.util.find_spec(room) is not None
        assert list((ROOT / "tests" / room).rglob("test_*.py"))

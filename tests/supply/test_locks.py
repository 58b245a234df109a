import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.locks import (
    HEADS,
    LOCKS,
    ROOT,
    LockFailed,
    cpu_lock,
    divided,
    entries_of,
    pinned,
    requirements_of,
    text_of,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TEXTS = {name: (LOCKS / name).read_text("utf-8") for name in HEADS}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
# `make lock` renews versions too; this keeps to those of constraints.txt.
RENEW = "run `make audit` once, then .venv-supply/bin/python -m supply lock"
DIGEST = r"@sha256:[0-9a-f]{64}"
ONE = "torch==2.0 \\\n    --hash=sha256:aa\n"
OLD = "# head\ntorch==2.0+cpu \\\n    --hash=sha256:bb\n"


def versions_of(*names: str) -> dict[str, str]:
    return {package: version for name in names for package, version in pinned(TEXTS[name]).items()}


@pytest.mark.parametrize("name", HEADS)
def test_every_entry_has_hashes(name):
    entries = entries_of(TEXTS[name])
    assert entries
    for entry in entries.values():
        first, *hashes = entry.strip().split("\\\n")
        assert "==" in first
        assert hashes
        for line in hashes:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line.strip()), entry


def test_folder_holds_the_lock_files_alone():
    assert {path.name for path in LOCKS.iterdir()} == set(HEADS)


@pytest.mark.parametrize("torch", ["torch-cpu.txt", "torch-cuda.txt"])
def test_image_has_all_that_the_project_asks_for(torch):
    names = ("run.txt", "source.txt", torch)
    locked = versions_of(*names)
    assert len(locked) == sum(len(pinned(TEXTS[name])) for name in names), "locked twice"
    for line in requirements_of(PROJECT):
        asked = Requirement(line)
        version = locked.get(canonicalize_name(asked.name))
        assert version is not None, f"{line} is not locked; {RENEW}"
        assert version in asked.specifier, f"{line} is locked as {version}; {RENEW}"


def test_image_is_made_of_what_was_tested_together():
    tested = {
        canonicalize_name(name): version
        for name, version in re.findall(
            r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
        )
    }
    locked = versions_of("run.txt", "source.txt")
    shared = locked.keys() & tested.keys()
    assert len(shared) > 50
    assert {name: locked[name] for name in shared} == {name: tested[name] for name in shared}


def test_both_variants_have_the_torch_that_setup_installs():
    [version] = re.findall(r"^TORCH=(\S+)$", (ROOT / "setup.sh").read_text("utf-8"), re.MULTILINE)
    assert versions_of("torch-cpu.txt") == {"torch": f"{version}+cpu"}
    assert versions_of("torch-cuda.txt")["torch"] == version


def test_tools_of_the_lock_build_the_project():
    tools = versions_of("tools.txt")
    for line in PROJECT["build-system"]["requires"]:
        assert tools[Requirement(line).name] in Requirement(line).specifier


def test_image_installs_nothing_without_a_hash():
    """Or from the wheels that it has just built of such things and of our own code."""
    commands = re.findall(r"(?:bin/pip|install=\")(?: +)?(?=install|wheel)([^&|;}]*)", DOCKERFILE)
    assert len(commands) == 7
    for command in commands:
        assert "--no-deps" in command, command
        from_outside = "--no-index" not in command and not command.rstrip().endswith(" .")
        assert not from_outside or "--require-hashes" in command, command
        assert " wheel " not in command or "--no-build-isolation" in command, command
    assert DOCKERFILE.count("pip install") + DOCKERFILE.count("pip wheel") == len(commands) - 1


def test_images_are_named_by_digest():
    [base] = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.search(DIGEST, base)
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert [source for source, _ in stages] == ["${BASE}", "base", "base"]
    for file in sorted(ROOT.glob("compose*.yaml")):
        for name, service in yaml.safe_load(file.read_text("utf-8"))["services"].items():
            if not name.startswith("longform"):
                assert re.search(DIGEST, service["image"]), f"{file.name}: {name}"


def test_packages_are_divided_by_how_they_are_installed():
    packages = {name: f"{name}==1\n" for name in ("numpy", "openai-whisper", "torch", "triton")}
    packages |= {"nvidia-cublas": "nvidia-cublas==1\n", "cuda-toolkit": "cuda-toolkit==1\n"}
    found = {file: set(entries) for file, entries in divided(packages).items()}
    assert found == {
        "run.txt": {"numpy"},
        "source.txt": {"openai-whisper"},
        "torch-cuda.txt": {"torch", "triton", "nvidia-cublas", "cuda-toolkit"},
    }


def test_file_reads_back():
    entries = {"torch": ONE, "numpy": "numpy==2 ; os_name != 'nt' \\\n    --hash=sha256:cc\n"}
    assert entries_of(text_of("run.txt", entries)) == entries


def test_cpu_entry_comes_from_its_own_index():
    def answer(requirements, *options):
        assert requirements == ["torch==2.0+cpu"]
        assert options[:2] == ("--torch-backend", "cpu")
        return {"torch": "new"}

    assert cpu_lock(ONE, OLD, answer) == ({"torch": "new"}, [])


def test_cpu_entry_of_the_same_version_is_kept_where_its_index_is_away():
    def away(*_):
        raise LockFailed("no name server")

    entries, [told] = cpu_lock(ONE, OLD, away)
    assert entries == {"torch": OLD.removeprefix("# head\n")}
    assert "torch-cpu.txt is kept" in told
    with pytest.raises(LockFailed, match=r"2\.1\+cpu: no name server"):
        cpu_lock(ONE.replace("2.0", "2.1"), OLD, away)


def test_no_registry_is_named():
    for path in (*LOCKS.iterdir(), ROOT / "Dockerfile"):
        assert not re.search(r"://(?!127\.0\.0\.1)", path.read_text("utf-8")), path

"""Are vulnerabilities known in what we install? pip-audit asks, this says what its answer is worth.

pip-audit ends well, too, where its list lacks every package (a mirror of the registry without the
list): that is told apart here. Decides nothing about a finding: each one fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supply.locks import LOCKS, ROOT

AUDITED = (
    # torch-cpu.txt holds the same torch under a version that no list knows
    tuple(LOCKS / name for name in ("run.txt", "source.txt", "torch-cuda.txt")),
    (LOCKS / "tools.txt",),
    (ROOT / "constraints.txt",),
)
SECONDS = 600
FOUND, FAILED = 1, 2
AWAY = ("NameResolutionError", "ConnectionError", "Could not connect", "Max retries", "Timeout")


class ListUnreachable(Exception):
    """Nobody could be asked."""


class AuditFailed(Exception):
    """pip-audit ended without an answer; the message is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the list says of a number of packages; `unknown` are not on it."""

    checked: int
    unknown: tuple[str, ...]
    findings: tuple[str, ...]


def audit() -> tuple[int, list[str]]:
    """The exit code and what to say: 0 none known or nobody to ask, 1 findings, 2 failed."""
    try:
        answers = [answer_of(asked(files)) for files in AUDITED]
    except ListUnreachable as error:
        return 0, [
            f"NOT AUDITED: THE LIST OF KNOWN VULNERABILITIES CANNOT BE REACHED ({error}).",
            "Nothing is known of the packages either way. Run `make audit` where it can be.",
        ]
    except AuditFailed as error:
        return FAILED, [f"pip-audit failed: {error}"]
    return verdict(answers)


def verdict(answers: list[Answer]) -> tuple[int, list[str]]:
    findings = sorted({line for answer in answers for line in answer.findings})
    unknown = sorted({name for answer in answers for name in answer.unknown})
    lines = [f"not on the list, so not audited: {', '.join(unknown)}"] if unknown else []
    if findings:
        return FOUND, [*lines, f"{len(findings)} known vulnerabilities:", *findings]
    checked = sum(answer.checked for answer in answers)
    return 0, [*lines, f"no known vulnerability in {checked} locked packages"]


def answer_of(report: dict[str, Any]) -> Answer:
    """What pip-audit's report says. Raises `ListUnreachable` when it knows none of the packages."""
    packages = report["dependencies"]
    unknown = tuple(entry["name"] for entry in packages if "skip_reason" in entry)
    if len(unknown) == len(packages):
        raise ListUnreachable(f"it knows none of {len(packages)} packages")
    return Answer(len(packages) - len(unknown), unknown, tuple(_findings(packages)))


def _findings(packages: list[dict[str, Any]]) -> Iterator[str]:
    for entry in packages:
        for known in entry.get("vulns", ()):
            mended = ", ".join(known["fix_versions"]) or "no version"
            yield f"  {entry['name']} {entry['version']}: {known['id']}, mended in {mended}"


def asked(files: tuple[Path, ...]) -> dict[str, Any]:
    """pip-audit's report on `files`. Raises `ListUnreachable` or `AuditFailed`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps"]
        command += ["--progress-spinner", "off", "--format", "json", "--output", str(output)]
        for file in files:
            command += ["--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        if output.is_file():
            report: dict[str, Any] = json.loads(output.read_text("utf-8"))
            return report
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    if any(word in done.stderr for word in AWAY):
        raise ListUnreachable(said[-1][:300])
    raise AuditFailed(said[-1][:300])

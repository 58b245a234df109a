import json
import os
import subprocess
import sys

import pytest

from supply.audit import AUDITED, Answer, ListUnreachable, answer_of, verdict
from supply.locks import ROOT

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}
BROKEN = {
    "name": "broken",
    "version": "2.0",
    "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}, {"id": "CVE-2", "fix_versions": []}],
}
# Stands for pip-audit: writes the report that it is told to, and ends as pip-audit does.
STUB = """
import json, os, sys
plan = json.loads(os.environ["PLAN"])
if plan["report"] is not None:
    with open(sys.argv[sys.argv.index("--output") + 1], "w") as file:
        json.dump({"dependencies": plan["report"]}, file)
sys.stderr.write(plan["says"])
sys.exit(plan["code"])
"""


def audited(folder, report, code=0, says=""):
    """`python -m supply audit` where pip-audit answers so."""
    package = folder / "pip_audit"
    package.mkdir()
    (package / "__main__.py").write_text(STUB)
    (package / "__init__.py").write_text("")
    plan = json.dumps({"report": report, "code": code, "says": says})
    return subprocess.run(
        [sys.executable, "-m", "supply", "audit"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder), "PLAN": plan},
    )


def test_nothing_known(tmp_path):
    done = audited(tmp_path, [SOUND])
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"no known vulnerability in {len(AUDITED)} locked packages\n"


def test_findings_fail(tmp_path):
    done = audited(tmp_path, [SOUND, BROKEN], code=1)
    assert done.returncode == 1
    assert "2 known vulnerabilities" in done.stdout
    assert "broken 2.0: CVE-1, mended in 2.1" in done.stdout
    assert "broken 2.0: CVE-2, mended in no version" in done.stdout


@pytest.mark.parametrize(
    ("report", "code", "says"),
    [
        (None, 1, "requests.exceptions.ConnectionError: Max retries exceeded"),
        ([UNKNOWN, UNKNOWN], 0, "No known vulnerabilities found"),
    ],
    ids=["no-answer", "a-mirror-without-the-list"],
)
def test_unreachable_list_passes_loudly(tmp_path, report, code, says):
    done = audited(tmp_path, report, code, says)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NOT AUDITED: THE LIST OF KNOWN VULNERABILITIES CANNOT BE")
    assert "no known vulnerability" not in done.stdout


def test_broken_audit_is_no_pass(tmp_path):
    done = audited(tmp_path, None, code=1, says="Traceback\nKeyError: 'name'")
    assert done.returncode == 2
    assert done.stdout == "pip-audit failed: KeyError: 'name'\n"


def test_packages_off_the_list_are_named():
    assert answer_of({"dependencies": [SOUND, UNKNOWN]}) == Answer(1, ("unknown",), ())
    code, lines = verdict([Answer(1, ("unknown",), ()), Answer(4, (), ())])
    assert code == 0
    assert lines == [
        "not on the list, so not audited: unknown",
        "no known vulnerability in 5 locked packages",
    ]


def test_list_that_knows_nothing_is_none():
    with pytest.raises(ListUnreachable, match="none of 1 packages"):
        answer_of({"dependencies": [UNKNOWN]})


def test_every_package_is_audited():
    files = {path.name for group in AUDITED for path in group}
    assert files >= {"run.txt", "source.txt", "torch-cuda.txt", "tools.txt", "constraints.txt"}

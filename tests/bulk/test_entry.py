import subprocess
import sys
from pathlib import Path

import pytest

from bulk import entry

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/tmp"}


def shown(*arguments, **more):
    code = f"import sys; sys.argv[1:] = {list(arguments)!r}; from bulk.entry import main; main()"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, **more)


def test_the_word_bulk_comes_first(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["longform", "bulk", "--nonsense"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 2


@pytest.mark.parametrize("arguments", [("bulk", "--help"), ("--help",)])
def test_help_of_each_command(arguments):
    answer = shown(*arguments)
    assert answer.returncode == 0, answer.stderr
    assert ("--input" in answer.stdout) is (arguments[0] == "bulk")


def test_a_file_of_that_name_is_a_file(tmp_path):
    (tmp_path / "bulk").write_text("Dear Sir or Madam")
    answer = shown("./bulk", "--format", "odd", cwd=tmp_path)
    assert "--format takes" in answer.stderr

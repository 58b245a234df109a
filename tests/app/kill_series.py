"""The long series: the real service with the real demo model is killed while it transcribes.

    python -m tests.app.kill_series RECORDING... --kills 20 --json FILE
    python -m tests.app.kill_series RECORDING... --kills 5 --postgres --json FILE

Transcribes every recording once undisturbed and once with kills, each time with a fresh service,
and compares words and times exactly. `python -m training recordings` makes recordings.
`--undisturbed FILE` keeps the first half of the work for another series of the same recordings.
Run it on code that nobody edits meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.app.killing import Killable, killable, postgres, transcripts_of

Transcripts = list[dict[str, Any]]


def main() -> int:
    """0 when every transcript of the disturbed service is that of the undisturbed one."""
    given = _arguments().parse_args()
    sounds = [path.read_bytes() for path in given.recordings]
    undisturbed = _undisturbed(given, sounds)
    with service(given, is_postgres=given.postgres) as killed:
        transcripts, figures = transcripts_of(killed, sounds, given.kills)
    are_identical = [
        heard_in(a) == heard_in(b) for a, b in zip(transcripts, undisturbed, strict=True)
    ]
    result = {
        "database": "postgres" if given.postgres else "sqlite",
        "kills": given.kills,
        "beam_size": given.beam_size,
        "threads": given.threads,
        "identical": are_identical,
        "words": [len(transcript["words"]) for transcript in transcripts],
        **asdict(figures),
    }
    if not all(are_identical):
        given.json.with_suffix(".differs.json").write_text(json.dumps([transcripts, undisturbed]))
    given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if all(are_identical) else 1


@contextmanager
def service(given: argparse.Namespace, *, is_postgres: bool = False) -> Iterator[Killable]:
    """A fresh service with a real engine in a folder of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longform-kills-")))
        arguments = ["--model", given.model, "--threads", str(given.threads)]
        if is_postgres:
            arguments += ["--database", stack.enter_context(postgres(folder / "postgres"))]
        killed = stack.enter_context(killable(folder / "data", *arguments))
        killed.options = {"beam_size": str(given.beam_size)}
        yield killed


def heard_in(transcript: dict[str, Any]) -> dict[str, Any]:
    """Words, segments and report, with their times as they were answered."""
    names = ("text", "words", "segments", "duration", "coverage")
    return {name: transcript[name] for name in names}


def _undisturbed(given: argparse.Namespace, sounds: list[bytes]) -> Transcripts:
    kept: Path | None = given.undisturbed
    if kept is not None and kept.exists():
        known: Transcripts = json.loads(kept.read_text(encoding="utf-8"))
        return known
    with service(given) as alone:
        transcripts, _ = transcripts_of(alone, sounds)
    if kept is not None:
        kept.write_text(json.dumps(transcripts), encoding="utf-8")
    return transcripts


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="+", help="one job each")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--postgres", action="store_true", help="jobs in Postgres, not SQLite")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the engine")
    parser.add_argument("--undisturbed", type=Path, help="file to keep the undisturbed results in")
    parser.add_argument("--json", type=Path, required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

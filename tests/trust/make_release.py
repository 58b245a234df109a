"""Writes `released/NAME.sql` from a data folder that this release made, as a dump of its database.

Run it once for a release whose schema or stored values differ from those before:

    python -m tests.trust.make_release FOLDER NAME

FOLDER is left by a service that was stopped (`tests.app.planted_service`). The dump holds jobs in
every state that an upgrade meets. Dumps of earlier releases are never made again.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

RELEASED = Path(__file__).parent / "released"


def main(folder: Path, name: str) -> None:
    with sqlite3.connect(folder / "longform.db") as database:
        dump = "\n".join(database.iterdump())
    (RELEASED / f"{name}.sql").write_text(f"{dump}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

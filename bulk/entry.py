"""The installed command `longform`: `longform bulk …` is bulk's, anything else is files.

A file that is named "bulk" is given as ./bulk.
"""

from __future__ import annotations

import sys

BULK = "bulk"


def main() -> None:
    """The console command."""
    if sys.argv[1:2] == [BULK]:
        from bulk.__main__ import cli as bulk

        bulk(sys.argv[2:], prog_name=f"longform {BULK}")
    else:
        from transcription.__main__ import cli

        cli()

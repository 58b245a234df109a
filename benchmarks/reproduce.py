"""`python -m benchmarks.reproduce FOLDER`: published counts from the published texts in FOLDER.

FOLDER holds, anywhere below it: NIST's csrnab.ref and csrnab.hyp; ref.test-clean.tsv with hyp/
and results/; fstalign's test data with its expectations in expected.tsv; the repository
revdotcom/speech-datasets, or its nlp_references/, normalizations/ and output/.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.output import JsonFile, fail, save, show
from benchmarks.reproduction import nist, rev

SOURCES = (nist.csrnab, nist.librispeech, rev.fstalign, rev.eval10)
COLUMNS = ("Source", "Case", "Published", "Ours", "Reproduced", "Remark")


def reproduce(
    folder: Annotated[Path, typer.Argument(help="Folder of published references and outputs.")],
    json: JsonFile = None,
) -> None:
    """Compute published counts again; status 1 when one differs for no known reason."""
    found = [case for source in SOURCES for case in source(folder)]
    if not found:
        fail(f"no published texts in {folder}; `--help` says what is looked for")
    rows = [
        (c.source, c.case, c.published, c.ours, "yes" if c.is_close else "NO", c.remark)
        for c in found
    ]
    show("Published counts, computed again", COLUMNS, rows, texts=len(COLUMNS))
    save(json, [asdict(case) for case in found])
    if not all(case.is_settled for case in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(reproduce)

"""`make image-check`: build the container image, see that it does what README and compose.yaml say.

    python -m tests.image [cpu|cuda …] [--folder SCRATCH] [--only STEP]

Needs root on Linux, buildah, mmdebstrap and package registries; no image registry, no engine.
Where a tool is missing it says so and checks nothing. The CUDA variant is built, measured and run
on the processor: no card is asked for. Layers and the volume's model stay in SCRATCH for the next
run; remove the folder when done.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.image.building import BuildFailed, Store
from tests.image.checks import Checks, broken_context
from tests.image.table import Table

TOOLS = ("buildah", "mmdebstrap", "unshare", "nsenter", "setpriv", "ip")
STAND_IN = "stand-in for the base image"
MIB = 1 << 20
LARGEST = {"cpu": 2_000_000_000}  # bytes


def missing() -> list[str]:
    lacks = [tool for tool in TOOLS if shutil.which(tool) is None]
    if sys.platform != "linux" or os.geteuid() != 0:
        lacks.append("root on Linux")
    return lacks


def check(variant: str, store: Store, table: Table) -> None:
    """Every step for one variant; those that need the image are left out where it did not build."""
    tag = f"whisper-longform:{variant}"
    build = f"{variant}: builds"
    if not table.step(build, lambda: store.build(tag, variant), is_needed=True):
        return
    with tempfile.TemporaryDirectory(dir=store.folder) as folder:
        broken = broken_context(Path(folder))
        name = f"{variant}: an error in our own code stops the build"
        table.step(name, lambda: refuses(store, variant, broken))
    with store.opened(tag) as image, tempfile.TemporaryDirectory(dir=store.folder) as folder:
        table.step(f"{variant}: size", lambda: size(variant, image.bytes))
        checks = Checks(image, Path(folder), store.folder / "models", variant)
        for name, run in checks.steps():
            table.step(f"{variant}: {name}", run)


def refuses(store: Store, variant: str, context: Path) -> str:
    try:
        store.build("whisper-longform:broken", variant, context, target="build")
    except BuildFailed as error:
        said = str(error)
    else:
        raise AssertionError("the build went through")
    assert "SyntaxError" in said, said
    return "refused with SyntaxError"


def size(variant: str, found: int) -> str:
    most = LARGEST.get(variant)
    assert most is None or found < most, f"{found / 1e9:.2f} GB, not below {most / 1e9:.0f} GB"
    return f"{found / 1e9:.2f} GB ({found // MIB} MiB) unpacked"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    parser.add_argument("variants", nargs="*", default=["cpu"], metavar="cpu|cuda")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/longform-image-check"))
    parser.add_argument("--only", default="", help="of the steps after the build, those named so")
    given = parser.parse_args()
    if lacks := missing():
        print(f"IMAGE NOT CHECKED: this needs {', '.join(lacks)}", file=sys.stderr)
        return 0
    store, table = Store(given.folder.absolute()), Table(given.only)
    if store.has_base() or table.step(STAND_IN, store.make_base, is_needed=True):
        for variant in given.variants:
            check(variant, store, table)
    return table.close()


sys.exit(main())

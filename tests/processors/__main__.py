"""Run the tests whose figures depend on the processor's instructions, once for each set of them
that this processor can pretend to have. Its own are run by `make test`.

oneDNN says what it takes a processor for; where that is no other than the machine's own, there is
nothing to pretend. PyTorch's and MKL's routines are held to the same set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

ASKING = "import torch; torch.ops.mkldnn._reorder_linear_weight(torch.zeros(8, 8))"
OLDER = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SETS = {
    "AVX2": OLDER,
    "AVX2_VNNI": OLDER,
    "AVX512_CORE": {},
    "AVX512_CORE_VNNI": {},
    "AVX512_CORE_BF16": {},
    "AVX512_CORE_FP16": {},
}


def instructions(settings: dict[str, str]) -> str | None:
    """What oneDNN takes the processor for; None where it does not say, as on ARM."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKING],
        env={**os.environ, **settings, "ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
    )
    found = re.search(r"cpu,isa:(.+)", asked.stdout)
    return found[1] if found else None


def main() -> int:
    own = instructions({})
    print(f"the machine's own instructions: {own or 'not known'} (run by `make test`)", flush=True)
    failed, seen = [], {own}
    for name, others in SETS.items():
        settings = {"ONEDNN_MAX_CPU_ISA": name, **others}
        pretended = instructions(settings)
        if pretended in seen:
            print(f"{name}: not run, the same here as {pretended}", flush=True)
            continue
        seen.add(pretended)
        print(f"{name}: {pretended}", flush=True)
        start = time.monotonic()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "instructions", *sys.argv[1:]],
            env={**os.environ, **settings},
        )
        print(f"{name}: exit status {run.returncode}, {time.monotonic() - start:.0f} s", flush=True)
        if run.returncode:
            failed.append(name)
    print("failed: " + ", ".join(failed) if failed else "all that was run passed")
    return bool(failed)


sys.exit(main())

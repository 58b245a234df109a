"""Sets of instructions that this processor can pretend to have, and how libraries are held to one.

oneDNN says what it takes a processor for; where that is no other than the machine's own, there is
nothing to pretend.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from decoding.model.layers import WITHOUT_BFLOAT16

ASKING: Final = "import torch; torch.ops.mkldnn._reorder_linear_weight(torch.zeros(8, 8))"
OLDER: Final = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "CT2_FORCE_CPU_ISA": "AVX2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
}
NEWER: Final = {"CT2_FORCE_CPU_ISA": "AVX512"}
SETS: Final[dict[str, dict[str, str]]] = {
    "AVX2": OLDER,
    "AVX2_VNNI": OLDER,
    "AVX512_CORE": NEWER,
    "AVX512_CORE_VNNI": NEWER,
    "AVX512_CORE_BF16": NEWER,
    "AVX512_CORE_FP16": NEWER,
}
"""Names of oneDNN, and the variables by which PyTorch, MKL, CTranslate2 and our own compiled loops
are held to the same."""


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """`told`: what oneDNN takes the processor for. `environment` of processes held to it, empty for
    the machine's own."""

    name: str
    told: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_have_bfloat16(self) -> bool:
        """Others imitate it, and take minutes for a window."""
        return self.name not in WITHOUT_BFLOAT16


def instructions(environment: Mapping[str, str]) -> str | None:
    """What oneDNN takes the processor for; None where it does not say, as on ARM."""
    asked = subprocess.run(
        [sys.executable, "-c", ASKING],
        env={**os.environ, **environment, "ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
    )
    found = re.search(r"cpu,isa:(.+)", asked.stdout)
    return found[1] if found else None


def pretended() -> Iterator[InstructionSet]:
    """Those besides the machine's own, each once, the oldest first."""
    seen = {instructions({})}
    for name, others in SETS.items():
        environment = {"ONEDNN_MAX_CPU_ISA": name, **others}
        told = instructions(environment)
        if told is not None and told not in seen:
            seen.add(told)
            yield InstructionSet(name, told, environment)


def own() -> InstructionSet:
    """The machine's, as it is."""
    told = instructions({})
    return InstructionSet("its own", told or "not known")

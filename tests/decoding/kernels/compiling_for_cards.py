"""Compiles our kernels in Triton for an A100 and an H100; needs neither. Prints a line for each.

In a process of its own: in tests the same modules are interpreted.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from triton import compile as compile_for
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

sys.path.insert(0, str(Path(__file__).parents[3]))
CAPABILITIES = (80, 90)
WARP = 32

# module and kernel; the types of its pointers; what is constant; numbers that 16 does not divide
KERNELS = (
    ("step_attention_triton", "_attend",
     {"query keys values mask key_scale value_scale read": "*fp16"},
     {"HAS_MASK": False, "HAS_SCALES": False, "WIDTH": 64}, "queries positions mask_row"),
    ("step_attention_triton", "_attend",
     {"query keys values mask key_scale value_scale read": "*fp16"},
     {"HAS_MASK": True, "HAS_SCALES": False, "WIDTH": 64}, "queries positions mask_row"),
    ("step_attention_triton", "_attend",
     {"query mask read": "*fp16", "keys values": "*i8", "key_scale value_scale": "*fp32"},
     {"HAS_MASK": False, "HAS_SCALES": True, "WIDTH": 64},
     "queries positions mask_row scale_window scale_head"),
    ("add_norm_triton", "_add_and_norm",
     {"x added weight bias total normed": "*fp16", "epsilon": "fp32"}, {"SIZE": 2048}, "epsilon"),
    ("logsumexp_triton", "_maxima_and_logsumexp", {"logits most sums": "*fp32"},
     {"SIZE": 1024}, "columns blocks length"),
)  # fmt: skip


def source_of(module, kernel, types, constants, odd):
    """The kernel as a launch specialises it: by what is constant, and what 16 divides."""
    constants |= {name: getattr(module, name) for name in kernel.arg_names if hasattr(module, name)}
    types = {name: kind for names, kind in types.items() for name in names.split()}
    signature = {name: types.get(name, "i32") for name in kernel.arg_names}
    signature |= dict.fromkeys(constants, "constexpr")
    whole = set(kernel.arg_names) - set(constants) - set(odd.split())
    attributes = {
        (at,): [["tt.divisibility", 16]]
        for at, name in enumerate(kernel.arg_names)
        if name in whole
    }
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    return ASTSource(kernel, signature=signature, constexprs=places, attrs=attributes)


for stem, name, types, constants, odd in KERNELS:
    module = importlib.import_module(f"decoding.kernels.{stem}")
    options = {"num_warps": module.WARPS, "num_stages": getattr(module, "STAGES", 3)}
    for capability in CAPABILITIES:
        source = source_of(module, getattr(module, name), types, dict(constants), odd)
        made = compile_for(source, target=GPUTarget("cuda", capability, WARP), options=options)
        sys.stdout.write(f"{stem} {constants} {capability}: {len(made.asm['cubin'])} bytes\n")

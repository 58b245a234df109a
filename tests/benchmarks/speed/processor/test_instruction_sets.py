from __future__ import annotations

import platform

import pytest

from benchmarks.speed.processor import instruction_sets
from benchmarks.speed.processor.instruction_sets import SETS, instructions, own, pretended


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> dict[str | None, str | None]:
    """What oneDNN takes it for, by the set it is held to: one with AVX-512 and VNNI."""
    told: dict[str | None, str | None] = {
        None: "VNNI",
        "AVX2": "AVX2",
        "AVX2_VNNI": "AVX2",
        "AVX512_CORE": "AVX-512",
        **dict.fromkeys(("AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_FP16"), "VNNI"),
    }
    monkeypatch.setattr(
        instruction_sets,
        "instructions",
        lambda environment: told[environment.get("ONEDNN_MAX_CPU_ISA")],
    )
    return told


def test_each_set_once_and_never_its_own(processor) -> None:
    found = list(pretended())
    assert [(one.name, one.told) for one in found] == [
        *(("AVX2", "AVX2"), ("AVX512_CORE", "AVX-512")),
    ]
    assert found[0].environment["CT2_FORCE_CPU_ISA"] == "AVX2"
    assert found[1].environment["CT2_FORCE_CPU_ISA"] == "AVX512"
    assert not any(one.may_have_bfloat16 for one in found)
    assert own().told == "VNNI"
    assert own().environment == {}
    assert own().may_have_bfloat16


def test_nothing_is_pretended_where_onednn_does_not_say(processor) -> None:
    processor.update(dict.fromkeys(processor))
    assert list(pretended()) == []
    assert own().told == "not known"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN tells it on x86 alone")
def test_what_onednn_says_when_it_is_held() -> None:
    assert instructions({"ONEDNN_MAX_CPU_ISA": "AVX2", **SETS["AVX2"]}) == "Intel AVX2"

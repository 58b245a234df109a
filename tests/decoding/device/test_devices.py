from __future__ import annotations

import pytest

from decoding.device import devices


@pytest.mark.parametrize(
    ("text", "cuda_devices", "parsed"),
    [
        ("cpu", 0, ("cpu",)),
        ("cpu", 4, ("cpu",)),
        ("auto", 0, ("cpu",)),
        ("auto", 4, ("cuda:0",)),
        ("all", 0, ("cpu",)),
        ("all", 2, ("cuda:0", "cuda:1")),
        ("cuda", 1, ("cuda:0",)),
        ("CUDA:1, cuda:0", 2, ("cuda:1", "cuda:0")),
        ("cuda:0,cuda:0", 1, ("cuda:0", "cuda:0")),
        ("cpu,cpu", 0, ("cpu", "cpu")),
    ],
)
def test_parse(text: str, cuda_devices: int, parsed: tuple[str, ...]) -> None:
    assert devices.parse(text, cuda_devices=cuda_devices) == parsed


@pytest.mark.parametrize(
    "text", ["", "cuda:", "gpu", "cuda:x", "cuda:0,", "auto,cpu", "mps", "cuda:-1"]
)
def test_nonsense_names_what_was_given(text: str) -> None:
    with pytest.raises(ValueError, match="give auto"):
        devices.parse(text, cuda_devices=8)


def test_device_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no cuda:2: this machine shows 2"):
        devices.parse("cuda:2", cuda_devices=2)


def test_devices_are_counted_when_not_given() -> None:
    assert devices.parse("all")


def test_the_processor_has_a_name_on_any_system(tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor : 0\nmodel name\t: Some Processor\n", "utf-8")
    assert devices.processor_name(listed) == "Some Processor"
    assert devices.processor_name(tmp_path / "none")

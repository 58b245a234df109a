"""A report says where it was measured."""

from pathlib import Path

from training.provenance import Provenance, processor


def test_a_measurement_tells_its_time_and_versions() -> None:
    told = Provenance().plain()
    assert {"date", "processor", "threads", "torch", "openai-whisper"} <= told.keys()
    assert float(told["processor_seconds"]) >= 0.0


def test_the_processor_has_a_name_on_any_system(tmp_path: Path) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor : 0\nmodel name\t: Some Processor\n", "utf-8")
    assert processor(listed) == "Some Processor"
    assert processor(tmp_path / "none")

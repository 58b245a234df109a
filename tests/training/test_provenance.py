"""A report says where it was measured."""

from training.provenance import Provenance


def test_a_measurement_tells_its_time_and_versions() -> None:
    told = Provenance().plain()
    assert {"date", "processor", "threads", "torch", "openai-whisper"} <= told.keys()
    assert float(told["processor_seconds"]) >= 0.0

from __future__ import annotations

import pytest

from benchmarks.speed.host import Host, measure_host, told, told_alone
from benchmarks.speed.systems.sound import RECORDING


def test_share_counts_the_log_mel_once() -> None:
    host = Host(
        seconds=300.0,
        windows=10,
        sound_decoding=1.0,
        detectors=0.5,
        voice_activity=0.3,
        log_mel=0.5,
    )
    assert host.per_window == pytest.approx(0.2)
    assert host.share(0.85) == pytest.approx(0.2)  # 0.15 beside 0.85, 0.05 of which is log-mel
    assert "20.0%" in told(host, "tiny", "int8", 0.85)
    assert "200 ms per window, 24.0 s per hour" in told_alone(host)


@pytest.mark.slow
def test_the_shipped_recording_costs_something() -> None:
    host = measure_host(RECORDING)
    assert host.windows > 10
    assert min(host.sound_decoding, host.detectors, host.log_mel) > 0
    assert 0 < host.voice_activity < host.detectors

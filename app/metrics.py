"""Figures for Prometheus. Counters are counted here, gauges are asked for when they are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.engines.pool import EnginePool
from app.jobs.obstacles import obstacle_of_model
from app.storage.store import Job, Store

REQUEST_BUCKETS = (0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600)
REAL_TIME_BUCKETS = (0.5, 1, 2, 5, 10, 25, 50, 100, 250, 500)


class InUse(Protocol):
    """Something that knows how much of it is in use, and how many wait for it."""

    @property
    def in_use(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class Metrics:
    """The figures of one service."""

    def __init__(self, store: Store, engines: EnginePool, uploads: InUse) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "longform_http_responses", "Answers", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "longform_http_seconds",
            "Seconds from request to the end of its answer",
            ["route"],
            buckets=REQUEST_BUCKETS,
            registry=self._registry,
        )
        self._ends = Counter(
            "longform_jobs_ended",
            "Jobs and waiting requests that ended",
            ["kind", "status", "code"],
            registry=self._registry,
        )
        self._speed = Histogram(
            "longform_job_speed",
            "Seconds of sound per second of work, of completed jobs",
            buckets=REAL_TIME_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Gauges(store, engines, uploads))

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def ended(self, job: Job) -> None:
        self._ends.labels(job.kind, job.status, job.error_code or "").inc()
        if job.status == "completed" and job.started and job.finished and job.seconds:
            self._speed.observe(job.seconds / max(job.finished - job.started, 1e-3))

    def page(self) -> bytes:
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(self, store: Store, engines: EnginePool, uploads: InUse) -> None:
        self._store = store
        self._engines = engines
        self._uploads = uploads

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is asked for when the service is still being built

    def collect(self) -> Iterable[Metric]:
        jobs = GaugeMetricFamily("longform_jobs", "Jobs by state", labels=["kind", "status"])
        for (kind, status), count in self._store.count_by_status().items():
            jobs.add_metric([kind, status], count)
        yield jobs
        yield _gauge("longform_uploads", "Uploads under way", self._uploads.in_use)
        yield _gauge("longform_uploads_waiting", "Uploads that wait", self._uploads.waiting)
        engine = self._engines.statistics()
        yield _gauge("longform_engine_slots", "Windows decoded at once", engine.slots)
        yield _gauge("longform_engine_slots_in_use", "Of these, in use", engine.slots_in_use)
        yield _gauge("longform_engine_queued", "Windows waiting", engine.queued)
        memory = engine.device_memory_bytes
        yield _gauge("longform_engine_memory_bytes", "Device memory in use", memory)
        available = obstacle_of_model(self._engines.default) is None
        yield _gauge("longform_engine_available", "0 while no engine can be had", available)
        loaded = GaugeMetricFamily(
            "longform_model_loaded", "1 while a model's engine is open", labels=["model"]
        )
        for model in self._engines.statuses():
            loaded.add_metric([model.name], model.state == "open")
        yield loaded
        deaths = engine.deaths
        yield _counter("longform_engine_deaths", "Engine processes that died or were stuck", deaths)
        yield _counter("longform_engine_steps", "Steps of the engine", engine.steps)
        yield _counter("longform_engine_windows", "Windows decoded", engine.windows_decoded)
        yield _counter("longform_engine_retried", "Of these, repeated", engine.windows_retried)
        yield _counter("longform_engine_tokens", "Tokens decoded", engine.tokens_decoded)
        yield _counter("longform_engine_audio_seconds", "Sound decoded", engine.audio_seconds)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(name, meaning, value=value)

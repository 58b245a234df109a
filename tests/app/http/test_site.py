"""Health, readiness, figures, limits, and the page's files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

from app.http.form_model import describe_fields
from app.http.site import STATIC
from app.settings import Settings
from tests.app.calls import LONG, submit, until
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, wav


def test_health_and_readiness(shared: Running):
    with shared.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {
            "status": "ready",
            "model": "planted",
            "device": "cpu",
        }


# Numbers that clients do not run into: how the service works, and on what.
NO_LIMITS = {
    *("port", "slots", "threads", "watchdog_seconds", "min_free_bytes", "database_busy_seconds"),
    *("lone_job_steps", "step_attempts", "fruitless_starts", "sweep_seconds", "shutdown_seconds"),
    *("keepalive_seconds", "first_byte_seconds", "validation_seconds", "heartbeat_seconds"),
    *("idle_seconds", "lease_seconds"),
    *("ray_gateways", "ray_gpus", "ray_max_replicas", "ray_replicas"),
}


def test_every_limit_is_told(start: Start):
    """A new setting that is a number is a limit, or is named above."""
    numbers = {
        name
        for name, field in Settings.model_fields.items()
        if field.annotation in {int, float, int | None, float | None}
    }
    running = start(max_upload_bytes=12345, watchers_per_key=7)
    with running.client() as client:
        told = client.get("/v1/limits").json()
    assert set(told) == (numbers - NO_LIMITS) | {"webhooks"}
    assert (told["max_upload_bytes"], told["watchers_per_key"]) == (12345, 7)
    assert told == {name: getattr(running.settings, name) for name in told}


def test_page_and_files(shared: Running):
    with shared.client() as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert client.get("/static/index.html").status_code == 200
        for path in ("/static/../main.py", "/static/..%2fmain.py", "/static/%2e%2e/main.py"):
            assert client.get(path).status_code == 404


class Numbers(HTMLParser):
    """The page's fields for numbers, by their names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "input" and given.get("type") == "number":
            self.found[given["name"]] = given


def test_the_page_takes_the_numbers_that_the_service_takes():
    """Where the service has a bound or a default, the page shows that one."""
    told = describe_fields("transcribe")
    inputs = Numbers((STATIC / "index.html").read_text("utf-8")).found
    names = (("min", "minimum"), ("max", "maximum"), ("placeholder", "default"))
    compared = {
        (name, mark): (float(given[mark]), told[name][word])
        for name, given in inputs.items()
        for mark, word in names
        if word in told[name]
    }
    assert ("beam_size", "max") in compared
    assert {place: pair for place, pair in compared.items() if pair[0] != pair[1]} == {}


def test_figures(start: Start):
    running = start()
    with running.client() as client:
        running.wait(submit(client).json()["id"])
        running.wait(submit(client, b"no sound").json()["id"])
        client.get("/v1/jobs/unknown")
        figures = client.get("/metrics").text
    for line in (
        'longform_jobs{kind="job",status="completed"} 1.0',
        'longform_jobs_ended_total{code="unsupported_media",kind="job",status="failed"} 1.0',
        'longform_http_responses_total{route="/v1/jobs",status="202"} 2.0',
        "longform_engine_windows_total 3.0",
        "longform_engine_slots 8.0",
        "longform_uploads 0.0",
        "longform_job_speed_count 1.0",
    ):
        assert line in figures


def test_health_answers_while_jobs_decode(start: Start):
    """Both wait inside the engine, so a loop that they block would never answer."""
    decoder = PlantedDecoder(slots=2, free_windows=4)
    running = start(decoder)
    with running.client() as client:
        jobs = [submit(client, LONG).json()["id"] for _ in range(2)]
        until(lambda: decoder.decoded == 4 and not decoder.is_idle, "the engine is in the middle")
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200
        assert client.get("/metrics").status_code == 200
        decoder.released.set()
        assert [running.wait(job)["status"] for job in jobs] == ["completed"] * 2


def test_short_requests_do_not_wait_for_long_jobs(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, running_jobs=1, running_requests=1)
    with running.client() as client, ThreadPoolExecutor(1) as threads:
        first, second = (submit(client, wav(5, seed=n)).json()["id"] for n in range(2))
        waiting = threads.submit(
            running.openai().audio.transcriptions.create,
            file=("a.wav", wav(5, seed=3)),
            model="planted",
        )
        until(lambda: running.service.jobs.running() == 2, "a job and the request are worked on")
        assert client.get(f"/v1/jobs/{second}").json()["status"] == "queued"
        decoder.released.set()
        assert waiting.result().text
        assert running.wait(first)["status"] == "completed"
        assert running.wait(second)["status"] == "completed"

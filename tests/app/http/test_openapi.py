"""The OpenAPI description, and a fuzzer that reads it: nothing undocumented, nothing broken."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import Running, Start
from tests.trust.table import Row

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
FEWEST_REQUESTS = 1000
EXAMPLES, NIGHTLY_EXAMPLES = 20, 400  # of each route and phase


def test_every_route_is_described(shared: Running):
    with shared.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/health",
        "/metrics",
        "/ready",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/clip",
        "/v1/jobs/{job_id}/events",
        "/v1/jobs/{job_id}/transcript",
        "/v1/limits",
        "/v1/models",
        "/v1/models/{name}",
    }
    form = paths["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    fields = form["multipart/form-data"]["schema"]["properties"]
    assert {"file", "model", "languages[]", "keywords[]", "stream", "beam_size"} <= set(fields)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.row("B3")
def test_a_thousand_generated_requests(start: Start, tmp_path: Path, row: Row):
    running = start(data_dir=tmp_path / "data", queued_jobs_per_key=100_000, queued_jobs=100_000)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run"]
    examples = row.amount(EXAMPLES, NIGHTLY_EXAMPLES)
    options = ["--max-examples", str(examples), "--seed", "1", "--request-timeout", "100"]
    options += ["--no-color", "--phases", "examples,coverage,fuzzing,stateful"]
    ended = subprocess.run(
        [*command, f"{running.url}/openapi.json", "--checks", ",".join(CHECKS), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=None if row.amount(0, 1) else 880,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    made = re.search(r"(\d+) generated", ended.stdout)
    assert made
    assert int(made[1]) >= row.amount(FEWEST_REQUESTS, 10 * FEWEST_REQUESTS)
    row.tell(f"{made[1]} requests, all phases: 0 5xx, 0 answers that the description lacks")

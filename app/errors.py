"""Every HTTP status code of the service, and the one shape of its error answers.

No other file names a status code. An `ApiError` is raised where the mistake is seen and becomes
`{"error": {"message", "type", "param", "code"}}`, OpenAI's error object, in one place.

    400 bad_request   options, sound that cannot be read (on the OpenAI routes)
    401 unauthorised  403 forbidden  404 not_found  405 and other plain HTTP errors
    413 too_large     415 unsupported_type          422 conflicting Idempotency-Key
    429 too_busy      500 internal                  503 unavailable      507 disk_full
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.engines.names import ModelNames
from app.engines.states import Progress
from app.jobs.obstacles import FULL_DISK, OBSTACLES, Obstacle, obstacle_of
from decoding.errors import UnsupportedOption
from transcription.errors import AudioTooLong, DecoderFailed, TranscriptionError, UnreadableAudio
from transcription.failures import reason_of

OK = 200
ACCEPTED = 202
NO_CONTENT = 204
UNFINISHED = 499  # of the log and the figures alone: the answer broke off, or its client was gone
INVALID = "invalid_request_error"
SERVER = "server_error"
MAX_RETRY_AFTER = 120  # OpenAI's client ignores longer waits
PASSING_FAILURES = {*(obstacle.code for obstacle in OBSTACLES), "engine_busy", DecoderFailed.code}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, in words fit for its owner; `is_ours` when the caller did nothing wrong."""

    code: str
    message: str
    param: str | None = None
    is_ours: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed when it comes again."""
        return self.code in PASSING_FAILURES


@dataclass(eq=False)
class ApiError(Exception):
    """An answer that is not the one hoped for."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = INVALID
    headers: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)  # what the body has beside the error

    def body(self) -> dict[str, Any]:
        return {
            **self.beside,
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            },
        }

    def encoded(self) -> bytes:
        return json.dumps(self.body(), ensure_ascii=False).encode("utf-8", "replace")


def bad_request(message: str, *, param: str | None = None, code: str = "invalid_value") -> ApiError:
    return ApiError(400, message, code, param)


def unauthorised(message: str) -> ApiError:
    headers = {"WWW-Authenticate": "Bearer"}
    return ApiError(401, message, "invalid_api_key", headers=headers)


def forbidden(message: str, code: str) -> ApiError:
    return ApiError(403, message, code)


def not_found(message: str, code: str = "not_found", param: str | None = None) -> ApiError:
    return ApiError(404, message, code, param)


def model_not_found(model: str, names: ModelNames) -> ApiError:
    message = (
        f"The model {model!r} does not exist. This service has {', '.join(names.listed)}. "
        f"{names.how_to_add(model)}"
    )
    return not_found(message, "model_not_found", "model")


def job_not_found(job_id: str) -> ApiError:
    return not_found(f"There is no job {job_id!r}.", "job_not_found")


def file_not_found(file_id: str) -> ApiError:
    return not_found(f"There is no file {file_id!r}.", "file_not_found")


def batch_not_found(batch_id: str) -> ApiError:
    return not_found(f"There is no batch {batch_id!r}.", "batch_not_found")


def not_ready(message: str) -> ApiError:
    return ApiError(409, message, "not_ready", headers={"x-should-retry": "false"})


def too_large(limit_bytes: int) -> ApiError:
    message = f"The upload is larger than {limit_bytes} bytes."
    return ApiError(413, message, "file_too_large", "file")


def unsupported_type(message: str) -> ApiError:
    return ApiError(415, message, "unsupported_media_type")


def stalled(message: str) -> ApiError:
    return bad_request(message, param="file", code="upload_stalled")


def conflicting_key() -> ApiError:
    message = "This Idempotency-Key was used before with another file or other options."
    return ApiError(422, message, "idempotency_key_reused", "Idempotency-Key")


def too_busy(message: str, retry_after: float) -> ApiError:
    headers = come_back(retry_after)
    return ApiError(429, message, "too_many_requests", type="rate_limit_error", headers=headers)


def come_back(seconds: float) -> dict[str, str]:
    """`Retry-After` of `seconds` or more, spread: those refused together do not come together."""
    least = max(1.0, min(seconds, MAX_RETRY_AFTER / 2))
    chosen = random.uniform(least, 2 * least + 1)
    return {"Retry-After": str(min(MAX_RETRY_AFTER, round(chosen)))}


def internal() -> ApiError:
    message = "The service made a mistake; its log holds the details under the request id."
    return ApiError(500, message, "internal_error", type=SERVER)


def unavailable(message: str, code: str = "unavailable", retry_after: float = 5) -> ApiError:
    return ApiError(503, message, code, type=SERVER, headers=come_back(retry_after))


def model_loading(model: str, progress: Progress) -> ApiError:
    """The service has its model soon; how far that is stands beside the error."""
    message = f"The model {model!r} {progress.sentence}."
    figures = {
        "model": model,
        "phase": progress.phase,
        "bytes_done": progress.bytes_done if progress.bytes_total else None,
        "bytes_total": progress.bytes_total,
    }
    return replace(unavailable(message, "model_loading"), beside={"progress": figures})


def disk_full() -> ApiError:
    message = "The server has no room for this upload."
    return ApiError(507, message, "disk_full", type=SERVER, headers=come_back(60))


def hindered(obstacle: Obstacle) -> ApiError:
    """The service cannot do it now and will be able to."""
    if obstacle == FULL_DISK:
        return disk_full()
    return unavailable(obstacle.message, obstacle.code)


def http_error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> ApiError:
    """An error of the web framework: unknown route, wrong method, malformed request."""
    codes = {404: "not_found", 405: "method_not_allowed"}
    kind = INVALID if status < 500 else SERVER
    return ApiError(status, detail, codes.get(status), type=kind, headers=headers or {})


def of_failure(failure: Failure) -> ApiError:
    """The stored failure of a job as an answer. It is final, the same file would fail again,
    unless the failure was one that passes."""
    if failure.is_passing:
        return unavailable(failure.message, failure.code)
    final = {"x-should-retry": "false"}
    if failure.is_ours:
        status = 503 if failure.code == "cancelled" else 500
        return ApiError(status, failure.message, failure.code, failure.param, SERVER, final)
    return ApiError(400, failure.message, failure.code, failure.param, headers=final)


def failure_of_obstacle(obstacle: Obstacle) -> Failure:
    """What is told to who cannot wait until it has gone."""
    return Failure(obstacle.code, obstacle.message, is_ours=True)


def failure_of(error: BaseException) -> Failure:
    """What a job's owner is told about `error`; never a path or a stack."""
    if (obstacle := obstacle_of(error)) is not None:
        return failure_of_obstacle(obstacle)
    if (reason := reason_of(error)) is not None:
        param = "file" if isinstance(error, UnreadableAudio | AudioTooLong) else None
        is_callers = isinstance(error, TranscriptionError | UnsupportedOption)
        is_ours = not is_callers or isinstance(error, DecoderFailed)
        return Failure(reason.code, reason.message, param, is_ours)
    if isinstance(error, OSError):
        return Failure("storage_failed", "The server's storage failed.", is_ours=True)
    return Failure("internal_error", "The service made a mistake.", is_ours=True)

"""Tells an address of the owner's choice that a job has ended (Standard Webhooks). Off by default.

Outgoing requests are made for a stranger, so: public addresses alone (transcription/outward.py), no
redirects, little time, no body read.
The scheme: https://www.standardwebhooks.com.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time

import httpx

from app.errors import bad_request
from app.jobs.workflows import SUCCESS, Workflows, webhook_id
from app.settings import Settings
from app.storage.store import Job, Store
from transcription.outward import InwardAddress, Reach, hosts_in, resolve
from transcription.sound_download import PASSING_REFUSALS

DELIVER = "webhook"
SECRET_PREFIX = "whsec_"
TIMEOUT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 5.0
PAUSE_GROWTH = 4.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0

log = logging.getLogger(__name__)


class Webhooks:
    """Delivers the ends of jobs, each as a durable workflow with growing pauses."""

    def __init__(self, settings: Settings, store: Store, workflows: Workflows) -> None:
        self._settings = settings
        self._store = store
        self._workflows = workflows
        self._reach = Reach(hosts_in(settings.webhook_hosts))
        workflows.register(DELIVER, self._deliver)

    def open(self, executor: str) -> None:
        """Take up deliveries that a crash kept from being started, and those of services from
        which jobs were taken over: an earlier generation of the job has begun them."""
        for job in self._store.with_webhook(executor):
            now, *before = (
                self._workflows.status_of(webhook_id(job.id, generation))
                for generation in range(job.generation, -1, -1)
            )
            if now is None and SUCCESS not in before:
                self.job_ended(job)

    def job_ended(self, job: Job) -> None:
        if job.webhook_url and self._settings.webhooks:
            self._workflows.start(DELIVER, webhook_id(job.id, job.generation), job.id)

    def check(self, url: str | None) -> None:
        """Raise `ApiError` for an address that cannot be a webhook."""
        if url is None:
            return
        if not self._settings.webhooks:
            message = "Webhooks are turned off on this service."
            raise bad_request(message, param="webhook_url", code="unsupported_option")
        try:
            resolve(url, self._reach)
        except (InwardAddress, OSError) as error:
            raise bad_request(f"{error}.", param="webhook_url") from error

    def _deliver(self, job_id: str) -> str:
        """The workflow: try, wait, try again."""
        pause = FIRST_PAUSE_SECONDS
        outcome = "gone"
        for attempt in range(self._settings.webhook_attempts):
            if attempt:
                self._workflows.sleep(pause)
                pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)
            outcome = self._workflows.reserve()(lambda: self._try(job_id))
            if outcome != "again":
                break
        log.info("webhook", extra={"fields": {"job": job_id, "outcome": outcome}})
        return outcome

    def _try(self, job_id: str) -> str:
        job = self._store.find(job_id)
        if job is None or job.webhook_url is None:
            return "gone"
        body = _body(job)
        try:
            target = resolve(job.webhook_url, self._reach)
            headers = self._headers(job.id, body)
            with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
                request = target.request(client, "POST", content=body, headers=headers)
                answer = client.send(request, stream=True)
                answer.close()
        except InwardAddress:
            return "refused"
        except (httpx.HTTPError, OSError):
            return "again"
        return _verdict(answer)

    def _headers(self, job_id: str, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        secret = self._settings.webhook_secret or ""
        return {
            "Content-Type": "application/json",
            "User-Agent": "whisper-longform",
            "webhook-id": webhook_id(job_id),
            "webhook-timestamp": stamp,
            "webhook-signature": sign(secret, webhook_id(job_id), stamp, body),
        }


def sign(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """The signature header of one message. `secret` is base64 behind `whsec_`, or plain text."""
    if secret.startswith(SECRET_PREFIX):
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    else:
        key = secret.encode()
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _verdict(answer: httpx.Response) -> str:
    if answer.is_success:
        return "delivered"
    if answer.is_client_error and answer.status_code not in PASSING_REFUSALS:
        return "refused"
    return "again"


def _body(job: Job) -> bytes:
    failure = job.failure
    error = {"code": failure.code, "message": failure.message} if failure else None
    data = {"id": job.id, "object": "job", "status": job.status, "error": error}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job.finished))
    content = {"type": f"job.{job.status}", "timestamp": stamp, "data": data}
    return json.dumps(content, separators=(",", ":")).encode()

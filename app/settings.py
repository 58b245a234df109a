"""Settings of the service, read once at start from the environment (`LONGFORM_*`).

Adds to transcription/settings.py what only a server needs. Opens nothing and creates nothing.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from transcription.model_names import public_name
from transcription.settings import Settings as TranscriptionSettings

MIB = 1 << 20
GIB = 1 << 30
HOUR = 3600.0
DAY = 24 * HOUR
PREFIX = "LONGFORM_"
SUSPECT_STARTS = 3  # one or two are bad luck
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
NO_ORIGIN = "null"  # of a file, a sandboxed frame, a redirected request
FILE_ORIGIN = "file://"  # of a file in some desktop programs
_ORIGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[A-Za-z0-9._:\[\]-]+)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Settings(TranscriptionSettings):
    """Every field is `LONGFORM_` + its name in capitals; sizes in bytes, times in seconds."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    models: str = Field(
        "",
        description="Several models, separated by commas, for the field `model` to choose from; "
        "the first is the default, and loaded at start. LONGFORM_MODEL alone if unset.",
    )
    model_aliases: str = Field(
        "hosted",
        description="Other names: NAME for the default model, NAME=MODEL, separated by commas; "
        "hosted stands for those of OpenAI's hosted models.",
    )
    idle_seconds: float | None = Field(
        None,
        gt=0,
        description="A model that nobody used for so long is unloaded, and loaded again when "
        "wanted; never if unset.",
    )
    allowed_hosts: str = Field(
        "", description="Host names that requests may use, separated by commas; * allows all."
    )
    allowed_origins: str = Field(
        "",
        description="Origins of other sites' pages that may use the API from a browser, separated "
        "by commas (https://notes.example,app://obsidian.md); none if empty.",
    )
    api_keys_file: Path | None = Field(
        None, description="File of hashed API keys (`python -m app key NAME` makes a line)."
    )
    allow_anonymous_network: bool = Field(
        False, description="Allow an address other than loopback without API keys. Dangerous."
    )
    database_url: str | None = Field(
        None, description="postgresql://… for jobs; an SQLite file in the data folder if unset."
    )

    database_busy_seconds: float = Field(
        30.0, gt=0, description="Seconds that a write waits for a busy SQLite file."
    )

    shared_queue: bool = Field(
        False,
        description="Share the jobs of LONGFORM_DATABASE_URL (Postgres) and LONGFORM_DATA_DIR with "
        "other services, which set it too.",
    )
    lease_seconds: float = Field(
        15.0,
        gt=0,
        description="A sharing service not heard of for so long loses its jobs, a worker its "
        "windows.",
    )
    workers_url: str | None = Field(
        None,
        description="postgresql://… by which windows go to workers (`python -m app worker`) on any "
        "hosts; decoded on this machine if unset.",
    )

    max_upload_bytes: int = Field(2 * GIB, ge=1, description="Largest file taken.")
    min_free_bytes: int = Field(GIB, ge=0, description="Free disk that uploads must leave.")
    max_field_bytes: int = Field(
        MIB, ge=1024, description="Most text in a form, its fields together."
    )
    max_fields: int = Field(64, ge=8, description="Most fields in a form.")
    upload_idle_seconds: float = Field(
        30.0, gt=0, description="An upload that sends nothing for so long is ended."
    )
    head_seconds: float = Field(
        10.0, gt=0, description="A connection must send its request line and headers in this time."
    )
    upload_bytes_per_second: int = Field(
        1024, ge=0, description="An upload that brings less on average is ended."
    )
    uploads_per_key: int = Field(
        8, ge=1, description="Uploads read at once per API key; further ones wait."
    )
    waiting_uploads_per_key: int = Field(
        256, ge=0, description="Uploads that wait, per API key; further ones get 429."
    )
    upload_wait_seconds: float = Field(
        60.0, gt=0, description="An upload that waits for so long to begin gets 429."
    )
    upload_turn_seconds: float = Field(
        5.0, gt=0, description="After this time an upload lets those go first that wait."
    )

    watchers_per_key: int = Field(
        200, ge=1, description="Event streams of jobs open at once, per API key."
    )

    running_jobs: int = Field(4, ge=1, description="Jobs worked on at once.")
    running_requests: int = Field(16, ge=1, description="Waiting requests worked on at once.")
    queued_jobs: int = Field(5000, ge=1, description="Jobs and requests waiting, all keys.")
    queued_jobs_per_key: int = Field(
        1000, ge=1, description="Unfinished jobs of one API key, and as many of its requests."
    )
    lone_job_steps: int = Field(
        4, ge=1, le=8, description="Groups of windows in flight for a job that runs alone."
    )
    step_attempts: int = Field(3, ge=1, le=10, description="Tries of one group of windows.")
    # Who kills a service often takes every job's step away, also that of a harmless one.
    fruitless_starts: int = Field(
        25,
        ge=1,
        description="A job with which the service stopped so often without progress is failed; "
        "from the fourth start on it is alone at first.",
    )

    keepalive_seconds: float = Field(
        15.0, gt=0, description="Longest silence while a JSON request waits."
    )
    first_byte_seconds: float = Field(
        2.0, gt=0, description="First sign of life for clients that do not name their timeout."
    )
    validation_seconds: float = Field(
        25.0, ge=0, description="These clients wait so long for a clear status on a bad file."
    )
    disconnect_grace_seconds: float = Field(
        20.0, ge=0, description="A request whose client is gone is cancelled after this time."
    )
    request_grace_seconds: float = Field(
        60.0, ge=0, description="Sound and text of a delivered request are deleted after this."
    )
    audio_days: float = Field(1.0, ge=0, description="Days a finished job's sound is kept.")
    result_days: float = Field(30.0, gt=0, description="Days a finished job is kept.")
    sweep_seconds: float = Field(15.0, gt=0, description="How often expired things are removed.")
    heartbeat_seconds: float = Field(15.0, gt=0, description="Comment lines in idle streams.")
    shutdown_seconds: float = Field(5.0, gt=0, description="Time for open answers at shutdown.")

    webhooks: bool = Field(False, description="Allow jobs to name a webhook (outgoing requests).")
    webhook_secret: str | None = Field(
        None, description="Signing secret of webhooks (Standard Webhooks, whsec_…)."
    )
    webhook_attempts: int = Field(8, ge=1, le=20, description="Tries of one webhook.")
    audio_urls: bool = Field(
        False, description="Allow batches to name audio by https URL (outgoing requests)."
    )
    audio_hosts: str = Field(
        "", description="Inward hosts that audio may be fetched from all the same, host:port, …"
    )
    max_batch_bytes: int = Field(16 * MIB, ge=1024, description="Largest input file of a batch.")
    files_per_key: int = Field(1000, ge=1, description="Files of one API key in the Files API.")
    webhook_hosts: str = Field(
        "", description="Inward hosts that webhooks may reach all the same, host:port, commas."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not self._is_loopback and not self.api_keys_file and not self.allow_anonymous_network:
            raise ValueError(
                f"LONGFORM_HOST={self.host} is reachable from the network, but there are no API "
                "keys: set LONGFORM_API_KEYS_FILE (python -m app key NAME), or listen on 127.0.0.1"
            )
        if NO_ORIGIN in self.origins and not self.api_keys_file:
            raise ValueError(
                "LONGFORM_ALLOWED_ORIGINS: any site can make a page whose origin is null; with "
                "it the service needs LONGFORM_API_KEYS_FILE"
            )
        names = [public_name(one.model) for one in self.each_model()]
        if len(set(names)) < len(names):
            raise ValueError(f"LONGFORM_MODELS names a model twice: {', '.join(names)}")
        if self.adapter is not None and len(names) > 1:
            raise ValueError("LONGFORM_ADAPTER is of one model: set LONGFORM_MODEL alone with it")
        if self.webhooks and not self.webhook_secret:
            raise ValueError("LONGFORM_WEBHOOKS needs LONGFORM_WEBHOOK_SECRET to sign them with")
        if self.shared_queue and not (self.database_url or "").startswith("postgres"):
            raise ValueError("LONGFORM_SHARED_QUEUE needs Postgres: set LONGFORM_DATABASE_URL")
        if self.workers_url is not None and not self.workers_url.startswith("postgres"):
            raise ValueError("LONGFORM_WORKERS_URL is the address of a Postgres: postgresql://…")
        if self.workers_url is not None and self.ray_address is not None:
            raise ValueError("set LONGFORM_WORKERS_URL or LONGFORM_RAY_ADDRESS, not both")
        return self

    @property
    def decodes_elsewhere(self) -> bool:
        return self.workers_url is not None or super().decodes_elsewhere

    def each_model(self) -> tuple[Self, ...]:
        """These settings once for each model, the default first."""
        given = tuple(filter(None, (name.strip() for name in self.models.split(","))))
        if not given:
            return (self,)
        first = (self.model,) if self.is_model_named else ()
        rest = (name for name in given if name not in first)
        return tuple(self.model_copy(update={"model": name}) for name in (*first, *rest))

    def source_of(self, name: str) -> str:
        """The setting that names the model called so: its name, or its path."""
        sources = {public_name(one.model): one.model for one in self.each_model()}
        return sources.get(name, name)

    @property
    def suspect_starts(self) -> int:
        """Fruitless starts of a job, others at work, after which it goes first and alone."""
        return min(SUSPECT_STARTS, self.fruitless_starts - 1)

    @property
    def _is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def origins(self) -> frozenset[str]:
        """What the Origin header of other sites' pages may say, as browsers write it."""
        given = (origin.strip() for origin in self.allowed_origins.split(","))
        return frozenset(_origin(origin) for origin in given if origin)

    @property
    def abandoned_seconds(self) -> float:
        """What no upload has added to for so long belongs to none."""
        return 2 * self.upload_idle_seconds + self.sweep_seconds

    @property
    def host_names(self) -> tuple[str, ...] | None:
        """Names that the Host header may carry, without port; None allows every name."""
        given = tuple(filter(None, self.allowed_hosts.lower().replace(" ", "").split(",")))
        if "*" in given:
            return None
        if given:
            return (*given, *LOOPBACK_NAMES)
        return LOOPBACK_NAMES if self._is_loopback else None


def _origin(given: str) -> str:
    """An origin as browsers write it. Raises ValueError for what cannot be one."""
    if given in {NO_ORIGIN, FILE_ORIGIN}:
        return given
    match = _ORIGIN.fullmatch(given)
    if match is None:
        raise ValueError(
            f"LONGFORM_ALLOWED_ORIGINS takes exact origins (https://notes.example, without a path, "
            f"no wildcards) or null, got {given!r}"
        )
    scheme = match["scheme"].lower()
    port = _DEFAULT_PORTS.get(scheme)
    if port is None:  # app://, chrome-extension://: browsers keep their hosts as they are
        return f"{scheme}://{match['host']}"
    return f"{scheme}://{match['host'].lower().removesuffix(port)}"


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """A sentence for every LONGFORM_ variable that sets nothing, with the one that may be meant."""
    known = [name.removeprefix(PREFIX) for name, _, _ in settings_table()]
    given = [name.removeprefix(PREFIX) for name in environment if name.startswith(PREFIX)]
    sentences = []
    for name in sorted(set(given).difference(known)):
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"; {PREFIX}{near[0]} is one" if near else ""
        sentences.append(f"{PREFIX}{name} is no setting and does nothing{meant}")
    return sentences


def settings_table(settings: type[Settings] = Settings) -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, in the order of the files."""
    rows = []
    for name, field in settings.model_fields.items():
        default = "" if field.default is None else str(field.default)
        rows.append((f"{PREFIX}{name.upper()}", default, field.description or ""))
    return rows

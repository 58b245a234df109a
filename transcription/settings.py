"""Settings that every command reads from the environment (`LONGFORM_*`).

This file and app/settings.py are the only readers of the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

Where = Literal["auto", "thread", "process"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]

DEFAULT_MODEL = "base"
DEFAULT_DATA_DIR = Path("data")


class Settings(BaseSettings):
    """Model, device and where things lie. Every field is `LONGFORM_` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="LONGFORM_", extra="ignore", frozen=True)

    model: str = Field(
        DEFAULT_MODEL,
        description="Model: base, tiny … large-v3, turbo, demo, or the path of a checkpoint.",
    )
    adapter: Path | None = Field(None, description="Folder of a LoRA adapter, merged at load.")
    devices: str = Field(
        "auto",
        description="Where to decode: auto, cpu, cuda:0, cuda:0,cuda:1 or all.",
    )
    precision: Precision = Field(
        "auto",
        description="Numbers to compute with: fp32, bf16, fp16, int8 (on processors), or auto: "
        "fp16 on a card; int8 on processors that are quicker so, for base and larger; else fp32.",
    )
    slots: int | None = Field(
        None, ge=1, le=512, description="Windows decoded at once; if unset as many as are quickest."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="CPU threads of the engine; all cores if unset, in a container those its "
        "processor quota pays for.",
    )
    watchdog_seconds: float = Field(
        900.0,
        gt=0,
        description="An engine with work that takes no step for so long is replaced; sooner (20 of "
        "its longest steps, at least 60 s) once its pace is known.",
    )
    cuda_graphs: bool = Field(
        True, description="Whether decoding steps are recorded and replayed on CUDA devices."
    )
    model_dir: Path | None = Field(
        None, description="Where official models are kept; ~/.cache/whisper if unset."
    )
    ray_address: str | None = Field(
        None,
        description="HOST:PORT of a Ray cluster on whose hosts the engine's replicas decode; on "
        "this machine if unset.",
    )
    ray_token_file: Path | None = Field(
        None, description="File of that cluster's token (RAY_AUTH_TOKEN_PATH of its ray start)."
    )
    ray_replicas: int = Field(
        1, ge=1, description="Replicas that are always there; each has an engine."
    )
    ray_max_replicas: int | None = Field(
        None,
        ge=1,
        description="Replicas there may be while windows wait for those that are there; "
        "LONGFORM_RAY_REPLICAS if unset.",
    )
    ray_gpus: float = Field(
        1.0, ge=0, description="Cards of a replica; a part of one for several on it, 0 for none."
    )
    ray_gateways: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that hand windows to replicas, each about a hundred a second.",
    )
    ray_deploy: bool = Field(
        True,
        description="Whether the service brings replicas up that are not there; not where "
        "something else does (a RayService on Kubernetes).",
    )
    data_dir: Path = Field(DEFAULT_DATA_DIR, description="Folder of uploads, jobs and results.")
    ingest: Where = Field(
        "auto",
        description="Where files are read and searched for speech: thread; process, one for each "
        "file at work; or auto: process where four processors or more can be used.",
    )
    max_audio_seconds: float = Field(
        12 * 3600.0, gt=0, description="Longest recording taken, in seconds of decoded sound."
    )

    @property
    def is_model_named(self) -> bool:
        """Whether somebody chose the model; the default may be replaced where it cannot be had."""
        return "model" in self.model_fields_set

    @property
    def decodes_elsewhere(self) -> bool:
        """Whether engines, and the models that they bring, are on other hosts."""
        return self.ray_address is not None

    def of_an_engine(self) -> Settings:
        """As an engine on another host has them: no secrets of a service, and no other model in
        place of the one that is set."""
        values = {name: getattr(self, name) for name in Settings.model_fields}
        return Settings.model_construct(**values | {"ray_address": None})

    @model_validator(mode="after")
    def _cluster_is_whole(self) -> Self:
        if self.ray_address is not None and self.ray_token_file is None:
            raise ValueError(
                "LONGFORM_RAY_ADDRESS needs LONGFORM_RAY_TOKEN_FILE: a cluster without a token "
                "runs what anybody sends it"
            )
        if self.ray_max_replicas is not None and self.ray_max_replicas < self.ray_replicas:
            raise ValueError("LONGFORM_RAY_MAX_REPLICAS is less than LONGFORM_RAY_REPLICAS")
        return self

    @field_validator("model")
    @classmethod
    def _model_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("LONGFORM_MODEL is empty; give a name (base, turbo, …) or a path")
        return value.strip()


def complaint(error: ValidationError) -> str:
    """What is wrong with the settings, in one line: name, rule and what was given."""
    return "; ".join(
        f"{'_'.join(map(str, problem['loc']))}: {_rule(problem)}, got {problem['input']!r}"
        if problem["loc"]
        else _rule(problem)  # of several settings, which it names
        for problem in error.errors()
    )


def _rule(problem: ErrorDetails) -> str:
    return problem["msg"].removeprefix("Value error, ")

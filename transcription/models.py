"""Which model a name means, and how to open it as an engine.

Official names are downloaded and verified by openai-whisper, never by code of ours.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from decoding import devices
from decoding.cluster import Cluster
from decoding.errors import ModelNotFound
from decoding.process import EngineProcess
from decoding.types import Decoder
from decoding.watchdog import Patience
from transcription.settings import Settings

DEMO_MODEL = "demo"
DEMO_CHECKPOINT = Path(__file__).parent / "assets" / "demo.pt"
DEMO_LIMITS = (
    "The demo model understands only the synthetic speech that it was trained on, not people. "
    "Set LONGFORM_MODEL=turbo (or another Whisper model) for real recordings."
)


def checkpoint_of(name: str) -> str:
    """The path or official name to load for `name`."""
    return str(DEMO_CHECKPOINT) if name == DEMO_MODEL else name


def model_name(name: str) -> str:
    """What the API calls the model: an official name as it is, a path by its last part."""
    path = Path(name)
    return path.stem if path.exists() else name


def check_model(settings: Settings) -> None:
    """Raise `decoding.errors.ModelNotFound` for a model that is neither here nor official."""
    name = checkpoint_of(settings.model)
    if Path(name).exists():
        return
    from decoding.loading import official_names

    if name not in official_names():
        names = ", ".join((DEMO_MODEL, *official_names()))
        raise ModelNotFound(f"there is no model {name!r}: give a path or one of {names}")


def fetch(settings: Settings) -> Path:
    """Where the model of `settings` lies; an official one is downloaded unless it is there.

    Raises `decoding.errors.ModelNotFound` when it cannot be had.
    """
    from decoding.loading import download, official_names

    name = checkpoint_of(settings.model)
    if name in official_names():
        return download(name, settings.model_dir)
    check_model(settings)
    return Path(name)


def open_decoder(settings: Settings, *, own_process: bool = False) -> Decoder:
    """Load the model of `settings` and start its engine, one for each device.

    `own_process`: the engine lives in a process of its own, which is replaced when it dies; so do
    several engines in any case. Raises `decoding.errors.ModelNotFound` or `ModelUnreadable` with
    one sentence for the user, and `ValueError` for a device that is not there.
    """
    names = devices.parse(settings.devices)
    if len(names) == 1 and not own_process:
        return open_engine(settings, names[0])
    patience = Patience(longest=settings.watchdog_seconds)
    engines: list[EngineProcess] = []
    try:
        for name in names:
            factory = partial(open_engine, settings, name)
            engines.append(EngineProcess(factory, name=f"engine on {name}", patience=patience))
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    return engines[0] if len(engines) == 1 else Cluster(engines)


def open_engine(settings: Settings, device: str) -> Decoder:
    """The engine of `settings` on one device, in this process. Raises as `open_decoder` does."""
    from decoding.engine import Engine  # torch is imported only by those who decode
    from decoding.loading import load_model

    loaded = load_model(
        checkpoint_of(settings.model),
        device=device,
        precision=settings.precision,
        adapter=settings.adapter,
        download_root=settings.model_dir,
        cuda_graphs=settings.cuda_graphs,
    )
    return Engine(loaded, slots=settings.slots, threads=settings.threads)

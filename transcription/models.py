"""Which model a name means, and how to open it as an engine.

Where official weights come from is in model_sources.py; here nothing is downloaded by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from decoding.device import devices
from decoding.errors import DoesNotFit, ModelNotFound
from decoding.process.engine_process import EngineProcess
from decoding.process.replicas import ReplicaSet
from decoding.process.watchdog import Patience
from decoding.types import Decoder
from transcription import model_sources
from transcription.fetch_report import ConsoleReport, FetchReport, Silent
from transcription.model_names import OFFICIAL_MEGABYTES, public_name
from transcription.model_packages import CATALOGUE
from transcription.official_download import download_official
from transcription.settings import Settings

Prepare = Callable[[], None]

DEMO_MODEL = "demo"
DEMO_CHECKPOINT = Path(__file__).parent / "assets" / "demo.pt"
DEMO_LIMITS = (
    "The demo model understands only the synthetic speech that it was trained on, not people. "
    "Set LONGFORM_MODEL=base (or turbo, which is more exact) for real recordings."
)
INSTEAD = (
    "WARNING: the model 'base' could not be had, so the synthetic 'demo' model is used instead. "
    "It does not understand people: what it writes for a human voice is nonsense."
)


def checkpoint_of(name: str) -> str:
    """The path or official name to load for `name`."""
    return str(DEMO_CHECKPOINT) if name == DEMO_MODEL else name


def check_model(settings: Settings) -> None:
    """Raise `decoding.errors.ModelNotFound` for a model that is neither here nor official."""
    name = checkpoint_of(settings.model)
    is_elsewhere = settings.decodes_elsewhere and "/" in name  # a path of other hosts
    if name not in OFFICIAL_MEGABYTES and not is_elsewhere and not Path(name).exists():
        names = ", ".join((DEMO_MODEL, *OFFICIAL_MEGABYTES))
        raise ModelNotFound(f"there is no model {name!r}: give a path or one of {names}")


def whereabouts(settings: Settings) -> str:
    """Where the model lies, or where it would come from at the next start; one sentence.

    Raises `decoding.errors.ModelNotFound` as `check_model` does.
    """
    check_model(settings)
    if settings.decodes_elsewhere:
        return "is brought to each host that decodes when its engine is opened"
    name, root = settings.model, model_sources.model_folder(settings.model_dir)
    if name == DEMO_MODEL or (name not in CATALOGUE and Path(name).exists()):
        return f"lies in {checkpoint_of(name)}"
    if name in CATALOGUE:
        found = model_sources.find(name, root)
        sources = [source.name for source in CATALOGUE[name]]
    else:
        from decoding.loading.loader import checkpoint_file

        found, sources = root / checkpoint_file(name), []
        found = found if found.is_file() else None
    if found is not None:
        return f"lies in {found}"
    tried = ", else ".join([*(f"the packages {one}" for one in sources), "OpenAI's download"])
    damage = model_sources.damage(name, root)
    return f"{damage or 'is not here yet'}; the next start fetches it into {root} from {tried}"


def fetch(settings: Settings, report: FetchReport | None = None) -> Path:
    """Where the model of `settings` lies, whole and verified; fetched unless it is there.

    Raises `decoding.errors.ModelNotFound` when it cannot be had.
    """
    name = checkpoint_of(settings.model)
    if name in CATALOGUE:
        return model_sources.fetch(name, settings.model_dir, report)
    if name in OFFICIAL_MEGABYTES:
        root = model_sources.model_folder(settings.model_dir)
        return download_official(name, root, report or Silent())
    check_model(settings)
    return Path(name)


def check_devices(settings: Settings) -> None:
    """Raise ValueError where the settings name a cluster that cannot be asked from here."""
    if settings.ray_address is not None:
        from transcription.cluster import connection_of

        connection_of(settings).check()


def precisions(settings: Settings) -> Iterator[str]:
    """A sentence for each device: what it computes in, and why; of a cluster, what is there."""
    if settings.ray_address is not None:
        from transcription.cluster import told

        yield told(settings)
        return
    from decoding.loading.precision import LEAST_QUANTISED, choose

    for device in devices.parse(settings.devices):
        if settings.precision == "auto":
            choice = choose(device, LEAST_QUANTISED)
            yield f"{device} computes in {choice.name}: {choice.reason}"
        else:
            yield f"{device} computes in {settings.precision}, as LONGFORM_PRECISION says"


def settled(settings: Settings, report: FetchReport | None = None) -> Settings:
    """The same settings with a model that is here.

    An official one is fetched unless it lies in the model folder (there, sizes alone are
    compared: `fetch` reads it whole). When nobody named a model and none can be had, it is the
    demo model and `report` says so loudly; a model that was named is never replaced. Raises
    `decoding.errors.ModelNotFound`.
    """
    report = report or ConsoleReport()
    if settings.model not in OFFICIAL_MEGABYTES or settings.decodes_elsewhere:
        return settings  # other hosts bring their models themselves
    try:
        _bring(settings, report)
    except ModelNotFound as error:
        if settings.is_model_named or settings.adapter is not None:
            raise
        report.tell(f"{error}\n{INSTEAD}")
        return settings.model_copy(update={"model": DEMO_MODEL})
    return settings


def _bring(settings: Settings, report: FetchReport) -> None:
    """Fetch an official model unless it seems whole; a checkpoint is verified when it is opened."""
    name = settings.model
    if name in CATALOGUE:
        found = model_sources.find(name, settings.model_dir)
        if found is None or not found.is_dir():
            model_sources.fetch(name, settings.model_dir, report)
        return
    from decoding.loading.loader import checkpoint_file

    root = model_sources.model_folder(settings.model_dir)
    if not (root / checkpoint_file(name)).is_file():
        download_official(name, root, report)


def open_decoder(
    settings: Settings,
    *,
    own_process: bool = False,
    report: FetchReport | None = None,
    prepare: Prepare | None = None,
) -> Decoder:
    """Load the model of `settings` and start its engine, one for each device, or on a cluster.

    The model is fetched before, or replaced, as `settled` tells. `own_process`: the engine lives in
    a process of its own, which is replaced when it dies; so do several engines in any case. Each
    such process first calls `prepare` (a function of a module), which may set up its logs. Raises
    `decoding.errors.ModelNotFound` or `ModelUnreadable` with one sentence for the user, and
    `ValueError` for a device that is not there.
    """
    if settings.ray_address is not None:
        from transcription.cluster import open_cluster

        return open_cluster(settings, prepare)
    names = devices.parse(settings.devices)
    settings = settled(settings, report)
    if len(names) == 1 and not own_process:
        return open_engine(settings, names[0])
    patience = Patience(longest=settings.watchdog_seconds)
    engines: list[EngineProcess] = []
    try:
        for name in names:
            factory = partial(open_checked_engine, settings, name, prepare)
            engines.append(EngineProcess(factory, name=f"engine on {name}", patience=patience))
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    return engines[0] if len(engines) == 1 else ReplicaSet(engines)


def open_checked_engine(settings: Settings, device: str, prepare: Prepare | None = None) -> Decoder:
    """As `open_engine`, between `prepare` and a second of known sound that it must decode. Raises
    `ModelUnreadable` for a model that gives no numbers, and `DoesNotFit`."""
    if prepare is not None:
        prepare()
    from decoding.self_test import check_engine

    with _told_if_it_does_not_fit(settings.model, device):
        engine = open_engine(settings, device)
        try:
            check_engine(engine)
        except BaseException:
            engine.close()
            raise
        return engine


@contextmanager
def _told_if_it_does_not_fit(name: str, device: str) -> Iterator[None]:
    from decoding.engine.memory import free_gigabytes, ran_out

    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        free = free_gigabytes(device)
        told = "" if free is None else f", of which {free:.1f} GB are free"
        raise DoesNotFit(
            f"{public_name(name)} does not fit into the memory of {device}{told}: serve fewer or "
            "smaller models there, or bound LONGFORM_SLOTS"
        ) from error


def open_engine(settings: Settings, device: str) -> Decoder:
    """The engine of `settings` on one device, in this process. Raises as `open_decoder` does."""
    from decoding.engine.engine import Engine  # torch is imported only by those who decode
    from decoding.loading.loader import load_model

    loaded = load_model(
        _loadable(settings),
        device=device,
        precision=settings.precision,
        adapter=settings.adapter,
        download_root=settings.model_dir,
        cuda_graphs=settings.cuda_graphs,
    )
    return Engine(loaded, slots=settings.slots, threads=settings.threads)


def _loadable(settings: Settings) -> str:
    """The folder of a model that packages brought; else a path, or a name for openai-whisper."""
    if settings.model in CATALOGUE:
        found = model_sources.find(settings.model, settings.model_dir)
        if found is not None and found.is_dir():
            return str(found)
    return checkpoint_of(settings.model)

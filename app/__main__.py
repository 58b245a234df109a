"""`python -m app`: run the service; `check` or list `settings`; make a `key`; `fetch` a model;
bring up the `replicas` of a cluster; run a `worker` for services on other hosts."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app.http.api_keys import load_keys, new_key
from app.settings import Settings, settings_table, unknown_variables

if TYPE_CHECKING:
    from app.engines.pool import EnginePool
    from app.engines.states import ModelStatus
    from app.http.middleware import RequestGuard
    from app.http.server import Server

START_FAILED = 2
PRIVATE_UMASK = 0o077  # what the service writes is for the service

cli = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=False)


@cli.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address (LONGFORM_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port (LONGFORM_PORT).")] = None,
    model: Annotated[str | None, typer.Option(help="Model (LONGFORM_MODEL).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder (LONGFORM_DATA_DIR).")] = None,
) -> None:
    """Run the service. Everything else is set by LONGFORM_* variables: see `settings`."""
    if context.invoked_subcommand is not None:
        return
    given = {"host": host, "port": port, "model": model, "data_dir": data_dir}
    run(read_settings({name: value for name, value in given.items() if value is not None}))


@cli.command()
def check() -> None:
    """Check settings, key file, data folder and where the model is, without starting anything."""
    from app.engines.names import ModelNames
    from app.storage.folders import FolderUnusable, prepare
    from app.workers.opening import check as check_workers
    from app.workers.opening import told
    from decoding.device.devices import parse
    from decoding.engine.slot_choice import told_before
    from decoding.errors import ModelNotFound
    from transcription.errors import DecoderFailed
    from transcription.ffmpeg import check_ffmpeg
    from transcription.model_names import public_name
    from transcription.models import check_devices, precisions, whereabouts

    settings = read_settings({})
    try:
        keys = load_keys(settings.api_keys_file)
        places = {one.model: whereabouts(one) for one in settings.each_model()}
        ModelNames([public_name(name) for name in places], settings.model_aliases)
        check_devices(settings)
        check_workers(settings)
        if settings.workers_url is not None:
            computed = [told(settings)]
        else:
            computed = list(precisions(settings))
            computed += [told_before(device, settings.slots) for device in parse(settings.devices)]
        check_ffmpeg()
        prepare(settings.data_dir)
    except (ModelNotFound, DecoderFailed, FolderUnusable, ValueError, OSError) as error:
        fail(str(error))
    who = f"{len(keys.hashes)} API keys" if keys.are_required else "no API keys, loopback only"
    named = ", ".join(places)
    print(f"settings are fine: {settings.host}:{settings.port}, model {named}, {who}")
    print("\n".join(computed))
    for name, where in places.items():
        print(f"the model {name} {where}")


@cli.command()
def key(name: Annotated[str, typer.Argument(help="Who the key is for.")]) -> None:
    """Make an API key, for the caller, shown beside the output; the output is its line in
    LONGFORM_API_KEYS_FILE: `key ann >> keys`."""
    try:
        secret, line = new_key(name)
    except ValueError as error:
        fail(str(error))
    print(f"the key, for {name} alone: {secret}", file=sys.stderr)
    print(line)


@cli.command()
def fetch(
    model: Annotated[str | None, typer.Argument(help="Its name (LONGFORM_MODEL).")] = None,
) -> None:
    """Fetch a model now and verify it, so that no start needs the network; LONGFORM_MODEL_DIR."""
    from decoding.errors import DecodingError
    from transcription import models
    from transcription.fetch_report import ConsoleReport

    try:
        settings = read_settings({} if model is None else {"model": model})
        print(models.fetch(settings, ConsoleReport()))
    except DecodingError as error:
        fail(str(error))


@cli.command()
def replicas() -> None:
    """Bring the replicas on the cluster of LONGFORM_RAY_ADDRESS to what the settings say now.

    A service brings up those that are not there, and leaves others as they are.
    """
    from decoding.errors import DecodingError
    from transcription import cluster

    settings = read_settings({})
    if settings.ray_address is None:
        fail("LONGFORM_RAY_ADDRESS is not set: there is no cluster to bring replicas up on")
    try:
        for one in settings.each_model():
            print(f"{cluster.deploy(one)}: {cluster.told(one)}")
    except (DecodingError, ValueError, OSError) as error:
        fail(str(error))


@cli.command()
def worker() -> None:
    """Decode windows of services on other hosts, by the Postgres of LONGFORM_WORKERS_URL.

    Needs no folder and no port. Ends by SIGTERM or Ctrl-C; what it had goes to other workers.
    """
    from app.storage.tables import DATABASE_ERRORS, DatabaseUnusable
    from app.workers.process import run_worker
    from decoding.errors import DecodingError

    settings = read_settings({})
    if settings.workers_url is None:
        fail("LONGFORM_WORKERS_URL is not set: there is no database to take windows from")
    if len(settings.each_model()) > 1:
        fail("a worker decodes one model: set LONGFORM_MODEL in place of LONGFORM_MODELS")
    try:
        run_worker(settings.each_model()[0])
    except (DecodingError, DatabaseUnusable, ValueError, OSError) as error:
        fail(str(error))
    except DATABASE_ERRORS as error:
        fail(f"the database cannot be opened: {getattr(error, 'orig', error)}")


@cli.command()
def settings() -> None:
    """List every setting, its default and its meaning."""
    table = Table()
    table.add_column("variable", no_wrap=True, overflow="fold")
    table.add_column("default", overflow="fold")
    table.add_column("meaning")
    for row in settings_table():
        table.add_row(*row)
    Console().print(table)


def run(settings: Settings) -> None:
    """Serve until told to stop; the model is loaded meanwhile."""
    from app.http.server import server_of
    from app.logs import log_to_stderr
    from app.storage.folders import room_lacking

    log_to_stderr()
    os.umask(PRIVATE_UMASK)
    stopping = threading.Event()
    engines, app = _put_together(settings, stopping)
    server = server_of(app, settings)
    ends = _EndsWithoutModel(server)
    engines.changed += [ends, _spare_the_collector]
    # uvicorn sends itself the signal again after it has stopped: by then it has done its work.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _already_heeded)
    with suppress(SystemExit):  # uvicorn's way of saying that it cannot listen; it logged why
        server.run()
    stopping.set()
    engines.close()
    for child in multiprocessing.active_children():  # an engine that is still being loaded
        child.kill()
    sentence = ends.why
    if not server.started:
        where = f"{settings.host}:{settings.port}"
        sentence = (
            room_lacking(settings.data_dir) or f"could not start on {where}; the log says why"
        )
    _leave(sentence)


def _put_together(settings: Settings, stopping: threading.Event) -> tuple[EnginePool, RequestGuard]:
    """What can be known to be wrong before anything is served, ends the process here."""
    from app.engines.opening import openings_of
    from app.engines.pool import EnginePool
    from app.main import create_app
    from app.storage.folders import FolderInUse, FolderUnusable, prepare, room_lacking
    from app.storage.tables import DATABASE_ERRORS, DatabaseUnusable
    from app.workers.opening import check as check_workers
    from decoding.errors import ModelNotFound
    from transcription.errors import DecoderFailed
    from transcription.ffmpeg import check_ffmpeg
    from transcription.models import check_devices, check_model

    try:
        check_ffmpeg()
        prepare(settings.data_dir)
        check_devices(settings)
        check_workers(settings)
        for one in settings.each_model():
            check_model(one)
        idle_seconds = settings.idle_seconds
        engines = EnginePool(openings_of(settings, stopping), idle_seconds=idle_seconds)
        return engines, create_app(settings, engines)
    except (
        *(ModelNotFound, DecoderFailed, FolderInUse, FolderUnusable, DatabaseUnusable),
        *(ValueError, OSError),
    ) as error:
        fail(room_lacking(settings.data_dir) or str(error))
    except DATABASE_ERRORS as error:
        told = f"the database cannot be opened: {getattr(error, 'orig', error)}"
        fail(room_lacking(settings.data_dir) or told)


def _leave(sentence: str | None) -> NoReturn:
    """End the process; with a sentence it is a failure.

    A thread may still sit in a long call of a library; nothing is lost by leaving it behind.
    """
    if sentence is not None:
        print(f"longform: {sentence}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if sentence is None else START_FAILED)


class _EndsWithoutModel:
    """Stops the server when the default model can never be had; `why` is that."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.why: str | None = None

    def __call__(self, status: ModelStatus, failure: Exception | None) -> None:
        if failure is not None and status.is_default and status.state == "unusable":
            self.why = str(failure)
            self._server.should_exit = True


def _spare_the_collector(_status: ModelStatus, _failure: Exception | None) -> None:
    """Whatever is loaded by now stays: it need not be searched for garbage again.

    A full search stops every thread, the one that answers requests too, and takes a third of a
    second with torch loaded.
    """
    gc.collect()
    gc.freeze()


def _already_heeded(_number: int, _frame: object) -> None:
    """A signal that came before."""


def read_settings(given: dict[str, Any]) -> Settings:
    """Settings from the environment and the command line, or one clear sentence and the end."""
    for sentence in unknown_variables(os.environ):
        print(f"longform: {sentence}", file=sys.stderr)
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"LONGFORM_{name}: {message}" if name else message)
        fail("; ".join(problems))


def fail(sentence: str) -> NoReturn:
    """Print why the service cannot start, and leave with exit code 2."""
    print(f"longform: {sentence}", file=sys.stderr)
    raise SystemExit(START_FAILED)


if __name__ == "__main__":
    cli(prog_name="python -m app")

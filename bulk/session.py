"""One call of the command, put together: plan, engine, run, index."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bulk.entries import Entry
from bulk.fetch import Fetcher
from bulk.index import INDEX, Index
from bulk.inputs import open_input
from bulk.output import Output
from bulk.parquet import PARQUET, write_parquet
from bulk.plan import Plan, Survey
from bulk.progress import Progress, Totals, tell
from bulk.results import Results
from bulk.runner import Runner
from bulk.transcribing import Work
from bulk.workspace import workspace_for
from transcription.audio import AudioLimits
from transcription.cluster import application_of, connection_of
from transcription.language import check_model_can
from transcription.models import DEMO_LIMITS, DEMO_MODEL, open_decoder
from transcription.options import TranscriptionOptions
from transcription.reader_process import reader_of
from transcription.settings import Settings
from transcription.sound_download import DownloadLimits

AT_ONCE, AT_ONCE_ON_CUDA = 4, 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one call; `price` of an hour, `at_once` None: as many as suit the engine."""

    source: str
    output: str
    download: DownloadLimits
    parquet: bool = False
    dry_run: bool = False
    retry_failed: bool = False
    overwrite: bool = False
    at_once: int | None = None
    ahead: int = 4
    price: float | None = None
    is_on_cluster: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What a call works with."""

    asked: Asked
    console: Console
    workspace: Path
    output: Output
    index: Index
    plan: Plan
    options_digest: str

    def survey(self) -> Survey:
        """Read what earlier runs left, look at every line, and tell what there is to do."""
        if not self.asked.overwrite:
            self.index.load()
        found = self.plan.survey()
        if self.asked.dry_run or not self.asked.quiet:
            tell(self.console, str(found))
        if found.warning:
            tell(self.console, found.warning, "yellow")
        return found

    def transcribe(self, found: Survey, settings: Settings, options: TranscriptionOptions) -> None:
        """Everything that is to do; what is finished is in the index however this ends."""
        if self.asked.is_on_cluster:
            self._transcribe_on_cluster(found, settings, options)
            return
        decoder = open_decoder(settings, own_process=True)
        try:
            check_model_can(options, decoder.model)
            if decoder.model.name == DEMO_MODEL and not self.asked.quiet:
                tell(self.console, DEMO_LIMITS, "dim")
            on_cuda = decoder.model.device.startswith("cuda")
            work = Work(
                decoder=decoder,
                options=options,
                reader=reader_of(settings),
                fetcher=Fetcher(self.asked.download),
                results=self.plan.results,
                workspace=self.workspace,
                at_once=self.asked.at_once or (AT_ONCE_ON_CUDA if on_cuda else AT_ONCE),
                overwrite=self.asked.overwrite,
                options_digest=self.options_digest,
            )
            with self._told(found) as progress:
                Runner(work, self.index, progress, self.asked.ahead).run(self.plan.to_do())
        finally:
            decoder.close()
            self.index.save()

    def _transcribe_on_cluster(
        self, found: Survey, settings: Settings, options: TranscriptionOptions
    ) -> None:
        from bulk.cluster_actor import ActorWork
        from bulk.cluster_run import ClusterRun

        application = application_of(settings)
        work = ActorWork(
            factory=application.factory,
            options=options,
            limits=AudioLimits(max_seconds=settings.max_audio_seconds),
            download=self.asked.download,
            output=self.asked.output,
            at_once=self.asked.at_once or (AT_ONCE_ON_CUDA if settings.ray_gpus else AT_ONCE),
            overwrite=self.asked.overwrite,
            options_digest=self.options_digest,
        )
        try:
            with self._told(found) as progress:
                way = connection_of(settings)
                run = ClusterRun(way, application.scaling, work, self.index, progress)
                run.run(self.plan.to_do())
        finally:
            self.index.save()

    @contextmanager
    def _told(self, found: Survey) -> Iterator[Progress]:
        """Progress of a run, and its figures at the end."""
        progress = Progress(
            self.console,
            total=found.total,
            done=found.total - found.to_do,
            price=self.asked.price,
            is_shown=not self.asked.quiet,
        )
        with progress:
            yield progress
        tell(self.console, progress.pace.figures())

    def finish(self) -> Totals:
        """Write the index, and tell what it comes to."""
        totals = Totals(self.options_digest)

        def counted() -> Iterator[Entry]:
            for entry in self.plan.entries():
                totals.add(entry)
                yield entry

        self.index.finish(counted())
        if self.asked.parquet:
            kept = self.output.partial_file()
            write_parquet(self.plan.entries(), kept)
            self.output.put(PARQUET, kept)
            kept.unlink(missing_ok=True)
        for sentence in totals.sentences():
            tell(self.console, sentence)
        tell(self.console, f"index: {self.output.address}/{INDEX}")
        return totals


def carry_out(
    asked: Asked, settings: Settings, options: TranscriptionOptions, console: Console
) -> Totals | None:
    """Do what is asked; None where that was a look (`dry_run`).

    Raises `NoInput`, `SameId`, `OutputFailed`, `WorkspaceInUse`, `RunStopped` with a sentence each,
    `AudioUnavailable` for an input out of reach, and what opening the engine raises.
    """
    digest = _digest_of(settings, options)
    if asked.dry_run:
        with (
            tempfile.TemporaryDirectory(prefix="longform-bulk-") as folder,
            _session(asked, digest, console, Path(folder)) as session,
        ):
            session.survey()
        return None
    with (
        workspace_for(asked.output) as workspace,
        _session(asked, digest, console, workspace) as session,
    ):
        found = session.survey()
        with session.output.opened():
            if asked.overwrite:
                session.index.forget()
            if found.to_do:
                session.transcribe(found, settings, options)
            return session.finish()


def _digest_of(settings: Settings, options: TranscriptionOptions) -> str:
    """Twelve hex digits of all that decides what is written, as far as it was asked for.

    Another version of this software may know more options, and gives other digits.
    """
    asked = (settings.model, str(settings.adapter or ""), settings.precision, options)
    return hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest()[:12]


@contextmanager
def _session(
    asked: Asked, options_digest: str, console: Console, workspace: Path
) -> Iterator[Session]:
    output = Output(asked.output, workspace)
    with closing(Index(output, workspace, options_digest)) as index:
        plan = Plan(
            open_input(asked.source, asked.download, workspace),
            index,
            Results(output),
            retry_failed=asked.retry_failed,
            overwrite=asked.overwrite,
            checks_results=output.is_local,
        )
        yield Session(asked, console, workspace, output, index, plan, options_digest)

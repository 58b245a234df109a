"""`python -m training`: make the demo model, measure it, adapt a model to new audio."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from whisper.model import Whisper

from training.adaptation import (
    AdaptationOptions,
    Adapted,
    ExamplesUnusable,
    News,
    Progress,
    adapt,
    divided,
    save_model,
)
from training.curve import drawn_curve, read_curve
from training.demonstration import Speech, demonstrate
from training.evaluation import ALL, load, named
from training.evaluation import evaluate as evaluate_all
from training.export import CheckpointUnreadable, compact, expand
from training.lora import LoraOptions, save_adapter
from training.manifest import ManifestUnreadable, load_examples, read_manifest
from training.optimiser import Rate
from training.provenance import Provenance
from training.recordings import further, record, save
from training.sets import DIGESTS, RECORDINGS
from training.stream import StreamOptions
from training.trainer import Run, RunOptions
from transcription.models import DEMO_CHECKPOINT as DEMO

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WHOLE_RATE, LORA_RATE = 1e-5, 1e-3
DEMO_RATE, DEMO_LORA_RATE = 4e-4, 2e-3  # so small a model takes larger steps
DEMO_EPOCHS = 6
TOLD_EVERY = 20.0  # seconds
WORDY = ("mistakes", "text", "texts", "digest")

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command()
def demo(
    hours_of_audio: Annotated[float, typer.Option(help="Hours of synthetic speech to hear.")],
    minutes: Annotated[
        float | None, typer.Option(help="End after this many minutes of work at the latest.")
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Start from this checkpoint.")] = None,
    output: Annotated[Path, typer.Option(help="Folder of the run; resumed if it exists.")] = Path(
        "runs/demo"
    ),
    peak_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = Rate().peak,
    audio_per_step: Annotated[
        float, typer.Option(help="Seconds of speech in one step.")
    ] = StreamOptions().audio_per_batch,
    seed: int = 0,
    device: str = DEVICE,
    threads: int = 1,
) -> None:
    """Train the demo model, or go on with a run."""
    torch.set_num_threads(threads)
    options = RunOptions(
        folder=output,
        hours_of_audio=hours_of_audio,
        minutes=minutes,
        init=init,
        seed=seed,
        device=device,
        rate=Rate(peak=peak_rate),
        stream=StreamOptions(audio_per_batch=audio_per_step),
    )
    try:
        run = Run(options)
    except CheckpointUnreadable as error:
        raise typer.BadParameter(str(error)) from error
    print(run.train(lambda line: print(json.dumps(line), flush=True)))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Checkpoint, compact or openai-whisper's.")] = DEMO,
    names: Annotated[
        list[str] | None, typer.Option("--set", help="One of the sets; repeatable.")
    ] = None,
    words: Annotated[
        int | None, typer.Option(min=1, help="Hear only the first words of each set of sentences.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON; other sets in it stay.")] = None,
    threads: int = 1,
) -> None:
    """Measure a model with openai-whisper's own decoder; all sets unless some are named."""
    torch.set_num_threads(threads)
    unknown = ", ".join(set(names or ()) - set(ALL))
    if unknown:
        raise typer.BadParameter(f"no set is called {unknown}; there are {', '.join(ALL)}")
    loaded = _loaded(model)
    report = json.loads(output.read_text("utf-8")) if output and output.exists() else {}
    for name in names or ALL:
        measured = Provenance()
        report |= evaluate_all(loaded, [name], words)
        print(f"{name}: {_figures(report[name])}", flush=True)
        report[name]["measured"] = measured.plain()
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(report, indent=1, ensure_ascii=False)
            output.write_text(text + "\n", encoding="utf-8")


@app.command()
def finetune(
    base: Annotated[str, typer.Option(help="demo, tiny … turbo, or a checkpoint's path.")],
    manifest: Annotated[Path, typer.Option(help='JSON lines: {"audio", "text", "start", "end"}.')],
    output: Annotated[Path, typer.Option(help="Folder for the result.")],
    validation: Annotated[
        Path | None, typer.Option(help="Manifest to validate on; else one example in ten.")
    ] = None,
    use_lora: Annotated[
        bool, typer.Option("--lora", help="Train a low-rank adapter, not all weights.")
    ] = False,
    rank: Annotated[int, typer.Option(help="Rank of the adapter.")] = LoraOptions().rank,
    language: str = "en",
    rate: Annotated[
        float | None, typer.Option(help="Peak learning rate; 1e-5 for all weights, 1e-3 for LoRA.")
    ] = None,
    epochs: int = 10,
    minutes: Annotated[float | None, typer.Option(help="Begin no epoch after this.")] = None,
    batch: int = 4,
    accumulate: Annotated[int, typer.Option(help="Batches to a step.")] = 1,
    patience: Annotated[int, typer.Option(help="Validations without gain until the end.")] = 3,
    device: str = DEVICE,
    threads: int = 2,
) -> None:
    """Adapt a model to your own labelled audio."""
    torch.set_num_threads(threads)
    adapter = LoraOptions(rank=rank, alpha=2 * rank) if use_lora else None
    options = AdaptationOptions(
        adapter=adapter,
        language=language,
        rate=rate or (LORA_RATE if use_lora else WHOLE_RATE),
        epochs=epochs,
        minutes=minutes,
        batch=batch,
        accumulate=accumulate,
        patience=patience,
    )

    def keep() -> str:
        if adapter is None:
            return f"LONGFORM_MODEL={save_model(model, output)}"
        save_adapter(model, adapter, base, output)
        return f"LONGFORM_MODEL={base} LONGFORM_ADAPTER={output}"

    def told(news: News) -> None:
        tell(news)
        if isinstance(news, Progress) and news.is_best:
            keep()  # now, so that ending early loses nothing

    tell = _Teller()
    try:
        heard = load_examples(read_manifest(manifest))
        kept = load_examples(read_manifest(validation)) if validation else []
        if not validation:
            heard, kept = divided(heard)
        model = named(base).to(device)
        print(f"{len(heard)} examples to learn from, {len(kept)} to validate on", flush=True)
        adapted = adapt(model, heard, kept, options, told)
    except (ManifestUnreadable, ExamplesUnusable, CheckpointUnreadable) as error:
        raise typer.BadParameter(str(error)) from error
    print(keep())
    print(_outcome(adapted))


@app.command("finetune-demo")
def finetune_demo(
    model: Annotated[Path, typer.Option(help="Checkpoint to start from.")] = DEMO,
    output: Annotated[Path, typer.Option(help="Folder for speech, result, report.")] = Path(
        "runs/finetune-demo"
    ),
    use_lora: Annotated[bool, typer.Option("--lora", help="By an adapter.")] = False,
    minutes: float = 12.0,
    threads: int = 1,
) -> None:
    """Teach the demo model voices that it has never heard, and measure the gain."""
    torch.set_num_threads(threads)
    adapter = LoraOptions() if use_lora else None
    rate = DEMO_LORA_RATE if use_lora else DEMO_RATE
    options = AdaptationOptions(adapter=adapter, rate=rate, epochs=DEMO_EPOCHS, minutes=minutes)
    measured = Provenance()
    report = demonstrate(_loaded(model), output, Speech(), options, _Teller())
    report["measured"] = measured.plain()
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (output / "report.json").write_text(text + "\n", encoding="utf-8")
    before, after = report["before"]["wer"], report["after"]["wer"]
    print(f"{report['set']}: WER {before:.1%} -> {after:.1%}")


@app.command()
def recordings(
    output: Annotated[Path, typer.Option(help="Folder for sound and text.")],
    names: Annotated[list[str] | None, typer.Option("--name", help="Repeatable.")] = None,
    suffix: Annotated[str, typer.Option(help=".opus, .flac or .wav")] = ".opus",
) -> None:
    """Make the long recordings that models are measured on, with exact word times.

    Ends with an error if one is not, sample by sample, what the published figures were measured on.
    """
    unknown = ", ".join(set(names or ()) - set(RECORDINGS))
    if unknown:
        raise typer.BadParameter(
            f"no recording is called {unknown}; there are {', '.join(RECORDINGS)}"
        )
    output.mkdir(parents=True, exist_ok=True)
    different = []
    for name in names or RECORDINGS:
        recorded = record(RECORDINGS[name])
        save(recorded, output / f"{name}{suffix}")
        is_known = recorded.digest == DIGESTS[name]
        verdict = "as published" if is_known else f"NOT as published ({DIGESTS[name]})"
        print(f"{name}: {recorded.duration:.1f} s, sha256 of samples {recorded.digest}, {verdict}")
        if not is_known:
            different.append(name)
    if different:
        print(f"other samples than those of the published figures: {', '.join(different)}")
        raise typer.Exit(1)


@app.command()
def speech(
    hours: Annotated[float, typer.Option(help="Hours of speech to make.")],
    output: Annotated[Path, typer.Option(help="Folder for sound and text.")],
    seed: int = 0,
    minutes: Annotated[float, typer.Option(help="Length of one recording.")] = 30.0,
    random_share: Annotated[
        float, typer.Option(help="Share of sentences that are random words.")
    ] = 0.0,
    suffix: Annotated[str, typer.Option(help=".opus, .flac or .wav")] = ".opus",
) -> None:
    """Make as many further hours as asked for, never trained on, with exact word times."""
    output.mkdir(parents=True, exist_ok=True)
    for number, plan in enumerate(further(seed, hours, minutes, random_share), 1):
        recorded = record(plan)
        save(recorded, output / f"speech-{number:04}{suffix}")
        print(f"speech-{number:04}: {recorded.duration:.1f} s, {len(recorded.words)} words")


@app.command()
def plot(curve: Path, output: Path) -> None:
    """Draw the learning curve of a run (its curve.jsonl) as SVG."""
    output.write_text(drawn_curve(read_curve(curve)), encoding="utf-8")


@app.command("expand")
def expand_command(source: Path, target: Path) -> None:
    """Write a compact checkpoint in openai-whisper's format."""
    torch.save(expand(torch.load(source, map_location="cpu", weights_only=True)), target)


@app.command("compact")
def compact_command(source: Path, target: Path) -> None:
    """Write an openai-whisper checkpoint in compact form."""
    torch.save(compact(torch.load(source, map_location="cpu", weights_only=True)), target)


def _loaded(path: Path) -> Whisper:
    try:
        return load(path)
    except CheckpointUnreadable as error:
        raise typer.BadParameter(str(error)) from error


class _Teller:
    """Prints every epoch, and between them now and then how far the epoch has come."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, news: News) -> None:
        if isinstance(news, Progress):
            mark = " *" if news.is_best else ""
            print(
                f"epoch {news.epoch}: {news.seconds:.0f} s, loss {news.loss:.3f}, "
                f"validation WER {news.validation.rate:.1%}{mark}",
                flush=True,
            )
        elif time.monotonic() - self._told >= TOLD_EVERY:
            print(
                f"epoch {news.epoch}: {news.heard} of {news.windows} windows, loss {news.loss:.3f}",
                flush=True,
            )
        else:
            return
        self._told = time.monotonic()


def _outcome(adapted: Adapted) -> str:
    """One line for the end of fine-tuning."""
    before, best = adapted.before.rate, adapted.best.rate
    if best >= before:
        return f"no epoch was better than the base (validation WER {before:.1%}): the result is it"
    return f"validation WER {before:.1%} -> {best:.1%}"


def _figures(report: Any) -> str:
    """The numbers of a report on one line, without texts."""
    if isinstance(report, dict):
        inner = {k: _figures(v) for k, v in report.items() if k not in WORDY}
        return "{" + ", ".join(f"{key}: {value}" for key, value in inner.items()) + "}"
    return str(report)


if __name__ == "__main__":
    app()

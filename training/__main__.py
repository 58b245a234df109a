"""`python -m training`: make the demo model, measure it, adapt a model to new audio."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from training.adaptation import AdaptationOptions, Progress, adapt, save_model
from training.curve import drawn_curve, read_curve
from training.demonstration import Speech, demonstrate
from training.evaluation import ALL, load, named
from training.evaluation import evaluate as evaluate_all
from training.export import compact, expand
from training.lora import LoraOptions, save_adapter
from training.manifest import load_examples, read_manifest
from training.optimiser import Rate
from training.recordings import record, save
from training.sets import RECORDINGS
from training.stream import StreamOptions
from training.trainer import Run, RunOptions
from transcription.models import DEMO_CHECKPOINT as DEMO

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WHOLE_RATE, LORA_RATE = 1e-5, 1e-3
DEMO_RATE, DEMO_LORA_RATE = 4e-4, 2e-3  # so small a model takes larger steps
DEMO_EPOCHS = 6
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
    run = Run(
        RunOptions(
            folder=output,
            hours_of_audio=hours_of_audio,
            minutes=minutes,
            init=init,
            seed=seed,
            device=device,
            rate=Rate(peak=peak_rate),
            stream=StreamOptions(audio_per_batch=audio_per_step),
        )
    )
    print(run.train(lambda line: print(json.dumps(line), flush=True)))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Checkpoint, compact or openai-whisper's.")] = DEMO,
    names: Annotated[
        list[str] | None, typer.Option("--set", help="One of the sets; repeatable.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON; other sets in it stay.")] = None,
    threads: int = 1,
) -> None:
    """Measure a model with openai-whisper's own decoder; all sets unless some are named."""
    torch.set_num_threads(threads)
    loaded = load(model)
    report = json.loads(output.read_text("utf-8")) if output and output.exists() else {}
    for name in names or ALL:
        started = time.monotonic()
        report |= evaluate_all(loaded, [name])
        print(f"{name}: {time.monotonic() - started:.0f} s {_figures(report[name])}", flush=True)
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
    try:
        heard = load_examples(read_manifest(manifest))
        kept = load_examples(read_manifest(validation)) if validation else heard[::10]
        model = named(base).to(device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not validation:
        heard = [example for index, example in enumerate(heard) if index % 10] or heard
    adapted = adapt(model, heard, kept, options, _tell)
    if adapter is None:
        print(f"LONGFORM_MODEL={save_model(model, output)}")
    else:
        save_adapter(model, adapter, base, output)
        print(f"LONGFORM_MODEL={base} LONGFORM_ADAPTER={output}")
    print(f"validation WER {adapted.before.rate:.1%} -> {adapted.best.rate:.1%}")


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
    report = demonstrate(load(model), output, Speech(), options, _tell)
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
    """Make the long recordings that models are measured on, with exact word times."""
    output.mkdir(parents=True, exist_ok=True)
    for name in names or RECORDINGS:
        recorded = record(RECORDINGS[name])
        save(recorded, output / f"{name}{suffix}")
        print(f"{name}: {recorded.duration:.1f} s, sha256 of samples {recorded.digest}")


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


def _tell(progress: Progress) -> None:
    mark = " *" if progress.is_best else ""
    print(
        f"epoch {progress.epoch}: {progress.seconds:.0f} s, loss {progress.loss:.3f}, "
        f"validation WER {progress.validation.rate:.1%}{mark}",
        flush=True,
    )


def _figures(report: Any) -> str:
    """The numbers of a report on one line, without texts."""
    if isinstance(report, dict):
        inner = {k: _figures(v) for k, v in report.items() if k not in WORDY}
        return "{" + ", ".join(f"{key}: {value}" for key, value in inner.items()) + "}"
    return str(report)


if __name__ == "__main__":
    app()

"""`benchmarks datasets`: what there is, whether it is here, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from benchmarks.cli.output import JsonFile, aside, explained, fail, note, save, screen, show
from benchmarks.cli.selection import DATA, DataFolder
from benchmarks.datasets.download import Downloader, DownloadFailed, changed_files
from benchmarks.datasets.registry import DATASETS, dataset_named, folder_of, how_to_get, load
from benchmarks.datasets.types import DatasetCard, DatasetMissing, LoadOptions
from benchmarks.formats.types import FormatError
from benchmarks.sound import SoundMissing, check_presence

application = typer.Typer(no_args_is_help=False, invoke_without_command=True)
OWN = {"folder", "manifest"}


@application.callback()
def datasets(context: typer.Context, data: DataFolder = DATA, json: JsonFile = None) -> None:
    """List the data sets, their licences and what is here; `datasets get NAME` downloads one."""
    if context.invoked_subcommand is not None:
        return
    rows = [(card, presence(card, data)) for card in DATASETS.values()]
    show(
        f"Data sets ({data})",
        ("Name", "Contents", "Language", "Licence", "Here"),
        [(c.name, c.contents, c.languages, c.licence, state) for c, state in rows],
        texts=5,
    )
    note("`datasets show NAME` says where a set comes from and how its folder is laid out")
    save(json, [{**_facts(card), "presence": state} for card, state in rows])


@application.command("show")
def show_card(
    name: Annotated[str, typer.Argument(help="Name of a data set.")], data: DataFolder = DATA
) -> None:
    """Everything about one set: source, licence, layout, how to get it."""
    with explained():
        card = dataset_named(name)
    for key, value in {**_facts(card), "here": presence(card, data)}.items():
        screen.print(f"[bold]{key}[/bold]: ", end="")
        screen.print(value, highlight=False, markup=False)


@application.command("get")
def get(
    name: Annotated[str, typer.Argument(help="Name of a data set.")], data: DataFolder = DATA
) -> None:
    """Download a set from its official place; run again to go on after an interruption."""
    with explained():
        card = dataset_named(name)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=aside,
    )
    tasks: dict[str, TaskID] = {}

    def watch(target: str, received: int, total: int | None) -> None:
        if target not in tasks:
            tasks[target] = bars.add_task(Path(target).name, total=total)
        bars.update(tasks[target], completed=received, total=total)

    note(f"{card.title}: licence {card.licence}; from {card.source}")
    try:
        with bars:
            remark = Downloader(folder_of(name, None, data), watch=watch).get(card)
    except DownloadFailed as error:
        fail(str(error))
    if remark:
        note(f"still to do by hand: {remark}")
    screen.print(f"{card.name}: {presence(card, data)}", highlight=False)


def presence(card: DatasetCard, data: Path) -> str:
    """One phrase: absent, present with how many recordings, or what is wrong."""
    if card.name in OWN:
        return "–"
    folder = folder_of(card.name, None, data)
    if not folder.exists():
        return "no"
    try:
        items = load(card.name, folder, LoadOptions())
        for item in items:
            check_presence(item)
    except (DatasetMissing, SoundMissing, FormatError, ValueError) as error:
        return f"incomplete: {error}"
    changed = changed_files(folder)
    if changed:
        return f"changed since its download: {', '.join(changed[:3])}"
    return "yes, one recording" if len(items) == 1 else f"yes, {len(items)} recordings"


def _facts(card: DatasetCard) -> dict[str, str]:
    return {
        "name": card.name,
        "title": card.title,
        "contents": card.contents,
        "languages": card.languages,
        "licence": card.licence,
        "source": card.source,
        "layout": card.layout,
        "how to get it": how_to_get(card),
    }

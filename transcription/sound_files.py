"""Which files are recordings: what is found in folders, and a word on whatever is left out.

Tells by their names; opens only what may be program text. Links to folders are not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# fmt: off
AUDIO_SUFFIXES = frozenset((
    ".3g2", ".3ga", ".3gp", ".3gpp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape",
    ".asf", ".au", ".avi", ".awb", ".caf", ".divx", ".dss", ".eac3", ".ec3", ".f4a", ".f4b", ".f4v",
    ".flac", ".flv", ".m2t", ".m2ts", ".m4a", ".m4b", ".m4r", ".m4v", ".mj2", ".mk3d", ".mka",
    ".mkv", ".mod", ".mov", ".mp1", ".mp2", ".mp3", ".mp4", ".mpa", ".mpeg", ".mpg", ".mpga",
    ".mts", ".nist", ".oga", ".ogg", ".ogm", ".ogv", ".ogx", ".opus", ".qt", ".qta", ".rf64",
    ".snd", ".sph", ".spx", ".tod", ".trp", ".ts", ".tta", ".vob", ".w64", ".wav", ".wave",
    ".weba", ".webm", ".wma", ".wmv", ".wv",
))
# Sound and video that we do not read: passed over with a word, lest somebody believes it was heard.
MEDIA_NOT_READ = frozenset((
    ".aa", ".aax", ".ds2", ".dsd", ".dts", ".dsf", ".mid", ".midi", ".mlp", ".mpc",
    ".mxf", ".nsf", ".ra", ".ram", ".rm", ".rmvb", ".swf", ".thd", ".voc", ".wrf", ".wtv",
    ".xm",
))
# fmt: on
TRANSPORT_STREAMS = frozenset((".ts", ".mts", ".m2ts"))  # and TypeScript, which many folders hold
SYNC = b"G"
SYNC_OFFSETS = (0, 4)
NOT_THERE = frozenset((errno.ENOENT, errno.ELOOP))


@dataclass(frozen=True, slots=True)
class Found:
    """Recordings, each as (file, name relative to what was given), and what is left out.

    `passed_over` and `unread` are sentences: of what is no recording or not read here, and of
    folders and files that could not be looked into, so that nobody knows what is in them.
    """

    files: tuple[tuple[Path, Path], ...]
    passed_over: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def find_audio(paths: Sequence[Path]) -> Found:
    """The recordings that `paths` are, and those in folders among them, sorted.

    Of several paths every folder keeps its name, so that what is in one cannot overwrite what is
    in another. A file given twice is one file; hidden files are nobody's recordings.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    searches: list[_Search] = []
    for path in paths:
        if os.path.isdir(path):
            root = path if len(paths) == 1 else path.resolve().parent
            searches.append(search := _Search(path.resolve()))
            inside = sorted(search.files)
            names = [file.relative_to(root.resolve()) for file in inside]
        else:
            inside, names = [path], [Path(path.name)]
        for file, name in zip(inside, names, strict=True):
            found.setdefault(file.resolve(), (file, name))
    passed_over = {told for search in searches for told in search.passed_over}
    unread = {told for search in searches for told in search.unread}
    return Found(tuple(found.values()), tuple(sorted(passed_over)), tuple(sorted(unread)))


class _Search:
    """A folder looked through to its ground."""

    def __init__(self, root: Path) -> None:
        self.files: list[Path] = []
        self.passed_over: list[str] = []
        self.unread: list[str] = []
        for folder, inner, names in os.walk(root, onerror=self._tell):
            links = [path for name in inner if os.path.islink(path := Path(folder, name))]
            self.passed_over += [f"{path}: passed over, a link to a folder" for path in links]
            for name in names:
                if is_named_like_sound(name, AUDIO_SUFFIXES | MEDIA_NOT_READ):
                    self._look(Path(folder, name))

    def _look(self, path: Path) -> None:
        try:
            is_file = stat.S_ISREG(path.stat().st_mode)
        except OSError as error:
            if error.errno not in NOT_THERE:
                self._tell(error)
            elif os.path.islink(path):
                self.passed_over.append(f"{path}: passed over, a link that leads nowhere")
            return
        suffix = path.suffix.lower()
        if not is_file:
            self.passed_over.append(f"{path}: passed over, no file")
        elif suffix in MEDIA_NOT_READ:
            self.passed_over.append(f"{path}: passed over, {suffix} is not read")
        elif not _is_program_text(path):
            self.files.append(path)

    def _tell(self, error: OSError) -> None:
        self.unread.append(f"{error.filename}: could not be looked into, {error.strerror}")


def is_named_like_sound(name: str, suffixes: frozenset[str] = AUDIO_SUFFIXES) -> bool:
    """Whether a file of that name is one of ours to read, as far as a name can tell."""
    return Path(name).suffix.lower() in suffixes and not name.startswith(".")


def has_sound(path: Path) -> bool:
    """Whether a file that is named like sound is no folder and no program text."""
    return path.is_file() and not _is_program_text(path)


def _is_program_text(path: Path) -> bool:
    """Not of one that cannot be opened: whoever transcribes it says why."""
    if path.suffix.lower() not in TRANSPORT_STREAMS:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return False
    return not any(head.startswith(SYNC, offset) for offset in SYNC_OFFSETS)

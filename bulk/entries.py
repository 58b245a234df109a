"""A line of the index: what became of one recording."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Status = Literal["completed", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """`line` of the manifest, from 1. `duration` and `seconds_taken` are seconds.

    What is not known is None: of a broken line the id, of a failed one all that was heard, without
    a reference the four counts of words (`normalizer` says how they were compared).
    `options_digest` stands for the model and the options that were asked for.
    """

    line: int
    status: Status
    id: str | None = None
    audio: str | None = None
    result: str | None = None
    duration: float | None = None
    words: int | None = None
    language: str | None = None
    seconds_taken: float | None = None
    error_code: str | None = None
    error: str | None = None
    substitutions: int | None = None
    deletions: int | None = None
    insertions: int | None = None
    reference_words: int | None = None
    normalizer: str | None = None
    model: str | None = None
    options_digest: str | None = None

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    def is_of_others(self, options_digest: str | None) -> bool:
        """Whether it is known to have been transcribed with another model or other options."""
        if not self.is_completed or options_digest is None or self.options_digest is None:
            return False
        return self.options_digest != options_digest

    @property
    def errors(self) -> int:
        """Words that are wrong; 0 without a reference."""
        return (self.substitutions or 0) + (self.deletions or 0) + (self.insertions or 0)

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _FIELDS}

    def text(self) -> str:
        """As a line of JSON."""
        return json.dumps(self.document(), ensure_ascii=False, allow_nan=False) + "\n"


_FIELDS = tuple(field.name for field in fields(Entry))


def entry_of(document: object) -> Entry | None:
    """What `Entry.document` gave; None for anything else."""
    if not isinstance(document, dict) or document.get("status") not in get_args(Status):
        return None
    known = {name: value for name, value in document.items() if name in _FIELDS}
    return Entry(**{"line": 0, **known})


def entry_in(text: bytes) -> Entry | None:
    """The entry on a line of JSON, if there is one."""
    try:
        return entry_of(json.loads(text))
    except ValueError:
        return None

"""Which model of the service a request means, whatever name it uses.

A table made of the settings: knows no engine. Clients write names in many ways, and many have the
hosted API's names built in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transcription.model_names import official_name

WHISPER_1 = "whisper-1"  # always the default model, as in every client's first example
HOSTED = "hosted"  # in LONGFORM_MODEL_ALIASES: all of these
HOSTED_NAMES = (
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-transcribe",
)
_DATED = re.compile(r"(?P<name>.+)-\d{4}-\d{2}-\d{2}")


class ModelNames:
    """The names of the models, `models[0]` the default, and what else stands for one of them.

    `aliases`: NAME (the default model), NAME=MODEL and `hosted`, separated by commas. Raises
    ValueError for an alias of a model that is not there.
    """

    def __init__(self, models: Sequence[str], aliases: str = HOSTED) -> None:
        self._models = tuple(models)
        self._hosted: tuple[str, ...] = ()
        self._aliases = {WHISPER_1: self.default}
        for alias in filter(None, (one.strip() for one in aliases.split(","))):
            self._add(alias)

    @property
    def default(self) -> str:
        return self._models[0]

    @property
    def listed(self) -> dict[str, str]:
        """Every name that is worth telling, and the model that it means."""
        models = {name: name for name in self._models}
        return models | dict.fromkeys(self._hosted, self.default) | self._aliases

    def meant_by(self, name: str) -> str | None:
        """The model that the name means; None if it means none of them."""
        if name in self._models:
            return name
        return self._alias(name) or self._other_official(name)

    def how_to_add(self, name: str) -> str:
        """What an operator does to have `name` understood."""
        kept = f"{HOSTED}," if self._hosted else ""
        return (
            f"To let {name!r} stand for {self.default!r}, set LONGFORM_MODEL_ALIASES="
            f"{kept}{name}={self.default}"
        )

    def _add(self, alias: str) -> None:
        name, _, model = (part.strip() for part in alias.partition("="))
        if alias.lower() == HOSTED:
            self._hosted = HOSTED_NAMES
            return
        meant = self.meant_by(model) if model else self.default
        if not name or meant is None:
            known = ", ".join(self._models)
            raise ValueError(
                f"LONGFORM_MODEL_ALIASES: {alias!r} names no model of this service; it has {known}"
            )
        self._aliases[name.lower()] = meant

    def _alias(self, name: str) -> str | None:
        lowered = name.lower()
        dated = _DATED.fullmatch(lowered)
        if lowered in self._hosted or (dated and dated["name"] in self._hosted):
            return self._aliases.get(lowered, self.default)
        return self._aliases.get(lowered)

    def _other_official(self, name: str) -> str | None:
        """The model that has the same official name: large-v3-turbo, openai/whisper-large-v3 …"""
        official = official_name(name)
        if official is None:
            return None
        return next((one for one in self._models if official_name(one) == official), None)

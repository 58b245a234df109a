"""API keys: who is calling. Keys are kept as SHA-256, so that the file betrays none.

A line of the file is `name:hash`; `#` starts a comment. The name owns jobs, so it must not change.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

ANONYMOUS = "local"
PREFIX = "lf-"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9_.@-]{1,64}):(?P<hash>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys of one service; `hashes` maps a caller's name to the hash of its key."""

    hashes: tuple[tuple[str, bytes], ...] = ()

    @property
    def are_required(self) -> bool:
        return bool(self.hashes)

    def caller_of(self, key: str) -> str | None:
        """The name whose key this is. Takes as long for a wrong key as for a right one."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        caller = None
        for name, known in self.hashes:
            if hmac.compare_digest(digest, known):
                caller = name
        return caller


def load_keys(path: Path | None) -> ApiKeys:
    """Read the file. Raises ValueError with the number of the first line that is wrong."""
    if path is None:
        return ApiKeys()
    found: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if not match or match["name"] in found:
            raise ValueError(f"{path}, line {number}: expected a new `name:sha256-of-the-key`")
        found[match["name"]] = bytes.fromhex(match["hash"])
    if not found:
        raise ValueError(f"{path} holds no API key; make one with `python -m app key NAME`")
    return ApiKeys(tuple(found.items()))


def new_key(name: str) -> tuple[str, str]:
    """A fresh key and the line for the file. Raises ValueError for an unusable name."""
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not _LINE.fullmatch(line):
        raise ValueError(f"a name has 1 to 64 letters, digits or _.@-, got {name!r}")
    return key, line

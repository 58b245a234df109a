"""`python -m supply lock` writes locks/, `audit` asks for known vulnerabilities."""

from __future__ import annotations

import sys

from supply.audit import audit
from supply.locks import LockFailed, write_locks

COMMANDS = ("lock", "audit")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"python -m supply {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    if arguments[0] == "audit":
        code, lines = audit()
        print("\n".join(lines))
        return code
    try:
        print("\n".join(write_locks()))
    except LockFailed as error:
        print(f"locks/ is as it was: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

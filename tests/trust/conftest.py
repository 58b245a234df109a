"""The services of tests/app, to be attacked."""

from __future__ import annotations

from tests.app.conftest import keeper, start

__all__ = ["keeper", "start"]

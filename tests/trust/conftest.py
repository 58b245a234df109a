"""The services of tests/app, to be attacked."""

from __future__ import annotations

from tests.app.conftest import keeper, shared, start

__all__ = ["keeper", "shared", "start"]

"""Engines on other hosts that need nothing but Postgres: workers take a service's clips from it."""

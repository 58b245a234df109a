"""Engines in processes of their own, and several that answer as one."""

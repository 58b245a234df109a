"""Engines on the hosts of a Ray cluster, behind the same port. The only room that imports ray."""

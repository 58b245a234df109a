"""Engines on the hosts of a Ray cluster, behind the same port. Elsewhere only bulk imports ray."""

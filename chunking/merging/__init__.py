"""Many overlapping windows become one list of words."""

"""Data sets as people have them on disk after downloading, read into items."""

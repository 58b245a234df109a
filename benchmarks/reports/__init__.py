"""A run written down: JSON to score again, Markdown to paste, HTML to read."""

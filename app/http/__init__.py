"""Requests and answers: what comes in, what goes out, and what guards both."""

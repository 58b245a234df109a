"""Which pages of other sites may use the API from a visitor's browser: exact origins, or none.

No answer lets cookies or a proxy's passwords along (`Access-Control-Allow-Credentials`): a page of
another site comes with an API key of its own or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from app.errors import forbidden

METHODS = "GET, POST, PUT, DELETE"
USUAL_HEADERS = "authorization, content-type, idempotency-key, last-event-id"
READABLE_HEADERS = "content-disposition, location, retry-after, x-request-id"
PREFLIGHT_SECONDS = 7200  # as long as Chromium believes one
_NAMES = re.compile(r"[A-Za-z0-9-]+(, *[A-Za-z0-9-]+)*")


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins in `allowed` are let in, `null` only where it is named."""

    allowed: frozenset[str] = frozenset()

    def check_write(self, headers: Headers) -> None:
        """Raise `ApiError` for a write that another site makes through a visitor's browser."""
        site = headers.get("sec-fetch-site", "none")
        if site == "same-origin" or self._let_in(headers) is not None:
            return  # only a browser can say so; behind a proxy Host may be another
        origin = headers.get("origin")
        is_foreign = origin is not None and _host_of(origin) != headers.get("host", "")
        if site != "none" or is_foreign:
            raise forbidden(
                "Pages of other sites may not use this service; "
                "LONGFORM_ALLOWED_ORIGINS lets exact origins in.",
                "foreign_origin",
            )

    def of_answer(self, headers: Headers) -> dict[str, str]:
        """What lets the page that asked read the answer; for other pages nothing does."""
        if not self.allowed:
            return {}
        always = {"vary": "Origin"}  # a cache must not give one page another one's answer
        origin = self._let_in(headers)
        if origin is None:
            return always
        return {
            **always,
            "access-control-allow-origin": origin,
            "access-control-expose-headers": READABLE_HEADERS,
        }

    def of_preflight(self, headers: Headers) -> dict[str, str]:
        """What a browser asks for before it writes. Raises `ApiError` for an origin not let in."""
        self.check_write(headers)
        wanted = headers.get("access-control-request-headers", "")
        granted = {
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": wanted if _NAMES.fullmatch(wanted) else USUAL_HEADERS,
            "access-control-max-age": str(PREFLIGHT_SECONDS),
        }
        if headers.get("access-control-request-private-network") == "true":
            granted["access-control-allow-private-network"] = "true"  # of a page on the internet
        return granted

    def _let_in(self, headers: Headers) -> str | None:
        """The one origin of the request, if it is allowed."""
        given = headers.getlist("origin")
        return given[0] if len(given) == 1 and given[0] in self.allowed else None


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks if a page may do what it is about to do."""
    asks = "origin" in headers and "access-control-request-method" in headers
    return method == "OPTIONS" and asks


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None

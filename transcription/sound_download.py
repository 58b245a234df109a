"""Sound that lies at an https address, onto the disk.

Requests go out for a stranger: addresses that may be reached alone (`outward`), each redirect
judged anew, no credentials, bounded in bytes and in patience. It decodes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin

import httpx

from transcription.errors import AudioNotFound, AudioTooLong, AudioUnavailable
from transcription.outward import InwardAddress, Reach, Target, resolve

WHAT = "the audio"
MOST_REDIRECTS = 5
PAUSE_SECONDS = 1.0
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 60.0
LEAST_BYTES_PER_SECOND = 1000.0  # after that; no sound that is worth it comes more slowly
AS_IT_IS = {"Accept-Encoding": "identity"}  # not packed once more for the way
GONE = {httpx.codes.NOT_FOUND, httpx.codes.GONE}
PASSING_REFUSALS = {  # by a server that may answer otherwise another time
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
}

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Where sound may come from, and how much of it; `idle_seconds` without a byte end a try."""

    reach: Reach
    max_bytes: int
    idle_seconds: float = 30.0
    tries: int = 3


class _Passing(Exception):
    """It may work in a moment."""


def target_of(url: str, reach: Reach) -> Target:
    """Where to connect for `url`. Raises `AudioUnavailable` for an address that is out of reach."""
    try:
        return resolve(url, reach, what=WHAT)
    except (InwardAddress, OSError) as error:
        raise AudioUnavailable(f"{error}.") from error


def download(
    url: str, opened: Callable[[], BinaryIO], limits: DownloadLimits, check: Check = lambda: None
) -> None:
    """Write the sound at `url` into the file that `opened` opens, empty, for every try.

    What passes is tried again: a broken connection, a server that has no time. `check` is called
    while bytes come and between tries; what it raises ends the download. Raises `AudioUnavailable`,
    and `AudioTooLong` for more bytes than are taken.
    """
    for attempt in range(1, limits.tries + 1):
        try:
            _download_once(url, opened, limits, check)
        except (_Passing, httpx.TransportError) as error:
            if attempt == limits.tries:
                raise AudioUnavailable(f"The audio could not be fetched: {error}.") from error
            check()
            time.sleep(PAUSE_SECONDS * attempt)
        else:
            return


def _download_once(
    url: str, opened: Callable[[], BinaryIO], limits: DownloadLimits, check: Check
) -> None:
    timeout = httpx.Timeout(limits.idle_seconds, connect=CONNECT_SECONDS)
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        for _ in range(MOST_REDIRECTS):
            request = target_of(url, limits.reach).request(client, "GET", headers=AS_IT_IS)
            answer = client.send(request, stream=True)
            try:
                if not answer.has_redirect_location:
                    _keep(answer, opened, limits.max_bytes, check)
                    return
                url = urljoin(url, answer.headers["location"])
            finally:
                answer.close()
    raise AudioUnavailable("The audio's address redirects too often.")


def _keep(
    answer: httpx.Response, opened: Callable[[], BinaryIO], max_bytes: int, check: Check
) -> None:
    code = answer.status_code
    if answer.is_server_error or code in PASSING_REFUSALS:
        raise _Passing(f"its server answered {code}")
    if code in GONE:
        raise AudioNotFound(f"There is no audio at this address: its server answered {code}.")
    if not answer.is_success:
        raise AudioUnavailable(f"The audio could not be fetched: its server answered {code}.")
    size, began = 0, time.monotonic()
    with opened() as file:
        for block in answer.iter_raw():
            check()
            size += len(block)
            if time.monotonic() - began > GRACE_SECONDS + size / LEAST_BYTES_PER_SECOND:
                raise AudioUnavailable("The audio came too slowly.")
            if size > max_bytes:
                raise AudioTooLong(f"The audio has more than {max_bytes} bytes.")
            file.write(block)

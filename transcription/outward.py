"""Addresses that strangers name, and that we may connect to: public ones alone.

Every address behind a name is looked at, and the connection is made to the one that was looked at.
Sends nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

MAX_URL = 2000
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Their last 32 bits are an IPv4 address: mapped, and what NAT64 makes of public names.
EMBEDDING = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
# 6to4 and Teredo lead to IPv4 addresses too, by relays that nobody needs any more.
TUNNELS = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32")))


class InwardAddress(Exception):
    """The address is not one that the public may be sent to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be reached: public ones, by https.

    `inward`: hosts (host:port) that are trusted wherever they are, by http too. `allows_http`: by
    http public ones too. `allows_inward`: any address.
    """

    inward: frozenset[str] = frozenset()
    allows_http: bool = False
    allows_inward: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the checked address; `host` is what the request is for, `name` its name."""

    url: httpx.URL
    host: str
    name: str

    def request(self, client: httpx.Client, method: str, **more: Any) -> httpx.Request:
        """A request to the checked address that is for the name."""
        headers = {**more.pop("headers", {}), "Host": self.host}
        extensions = {"sni_hostname": self.name}
        return client.build_request(
            method, self.url, headers=headers, extensions=extensions, **more
        )


def hosts_in(setting: str) -> frozenset[str]:
    """The hosts (host:port) of a setting, which are trusted though they are inward."""
    return frozenset(filter(None, setting.replace(" ", "").split(",")))


def resolve(url: str, reach: Reach = Reach(), *, what: str = "a webhook") -> Target:
    """Look the host up once and check every address. Raises `InwardAddress`; `what` the address is
    of, for its message.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InwardAddress(f"the address of {what} must be a URL") from None
    host = parts.hostname
    if not host or len(url) > MAX_URL or parts.username or parts.password:
        raise InwardAddress(f"the address of {what} must be a plain https URL")
    is_trusted = reach.allows_inward or f"{host}:{port}" in reach.inward
    schemes = ("https", "http") if is_trusted or reach.allows_http else ("https",)
    if parts.scheme not in schemes:
        raise InwardAddress(f"the address of {what} must begin with https://")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InwardAddress(f"the host {host[:100]!r} of {what} is not known") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not is_trusted and not all(map(is_public, addresses)):
        raise InwardAddress(f"the address of {what} must be a public one")
    try:
        target = httpx.URL(url).copy_with(host=addresses[0], port=port)
    except httpx.InvalidURL:
        raise InwardAddress(f"the address of {what} must be a URL") from None
    return Target(target, parts.netloc, host)


def is_public(address: str) -> bool:
    """Whether the address, and an IPv4 address that a gateway finds in it, is one of the public."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in EMBEDDING):
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        return ip in GLOBAL_UNICAST and ip.is_global and not any(ip in one for one in TUNNELS)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved

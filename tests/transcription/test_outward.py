"""Addresses that may be reached, and those that may not."""

from __future__ import annotations

import pytest

from transcription.outward import InwardAddress, Reach, is_public, resolve


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.8/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://0.0.0.0/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::127.0.0.1]/x",
        "https://[64:ff9b::10.0.0.8]/x",
        "https://[64:ff9b:1::10.0.0.8]/x",
        "https://[64:ff9b:1:2::5db8:d822]/x",
        "https://[2002:7f00:1::]/x",
        "https://[2002:a00:8::1]/x",
        "https://[2001:0:5db8:d822::f5ff:fff7]/x",
        "https://[::127.0.0.1]/x",
        "https://[fec0::1]/x",
        "https://[fc00::1]/x",
        "https://[fe80::1]/x",
        "https://[ff0e::1]/x",
        "https://[ff02::1]/x",
        "https://224.0.0.1/x",
        "https://239.255.255.250/x",
        "https://233.252.0.1/x",
        "https://255.255.255.255/x",
        "https://240.0.0.1/x",
        "https://100.64.0.1/x",
        "https://2130706433/x",
        "http://93.184.216.34/x",
        "https://user:pass@93.184.216.34/x",
        "https://93.184.216.34:99999/x",
        "ftp://93.184.216.34/x",
        "file:///etc/passwd",
        "https://",
        "nonsense",
    ],
)
@pytest.mark.row("F11")
def test_inward_and_odd_addresses(url: str):
    with pytest.raises(InwardAddress):
        resolve(url)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::93.184.216.34"],
)
def test_public_addresses(address: str):
    assert is_public(address)


def test_the_connection_goes_to_the_address_that_was_checked():
    target = resolve("https://93.184.216.34:8443/hook?x=1")
    assert str(target.url) == "https://93.184.216.34:8443/hook?x=1"
    assert target.host == "93.184.216.34:8443"


def test_http_is_reached_where_that_is_allowed():
    assert resolve("http://93.184.216.34/x", Reach(allows_http=True)).name == "93.184.216.34"
    with pytest.raises(InwardAddress, match="public"):
        resolve("http://127.0.0.1/x", Reach(allows_http=True))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://10.0.0.8/x", "http://[::1]/x"])
def test_inward_addresses_are_reached_where_all_are_allowed(url: str):
    assert resolve(url, Reach(allows_inward=True))


def test_one_inward_host_is_trusted_with_its_port():
    reach = Reach(inward=frozenset({"127.0.0.1:81"}))
    assert resolve("http://127.0.0.1:81/x", reach)
    with pytest.raises(InwardAddress):
        resolve("http://127.0.0.1:82/x", reach)


def test_scheme_is_http_or_https_whatever_is_allowed():
    with pytest.raises(InwardAddress):
        resolve("ftp://127.0.0.1/x", Reach(allows_http=True, allows_inward=True))


def test_one_inward_address_behind_a_name_is_enough(monkeypatch: pytest.MonkeyPatch):
    """A name that has a public address and an inward one is not reached by the first."""
    found = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_given, **_more: found)
    with pytest.raises(InwardAddress):
        resolve("https://rebound.example/x")

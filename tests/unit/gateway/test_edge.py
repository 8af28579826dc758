"""Who the viewer is behind proxies, and by which names the gateway may be called."""

from __future__ import annotations

import pytest

from ingest_gateway.access.edge import Edge, ViewerHeader, edge

pytestmark = pytest.mark.unit

PROXY, VIEWER = "10.0.0.7", "203.0.113.9"
NETS = ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("trusted", "header", "address", "written", "viewer"),
    [
        ((), "x-forwarded-for", VIEWER, "198.51.100.1", VIEWER),
        (NETS, "x-forwarded-for", VIEWER, "198.51.100.1", VIEWER),
        (NETS, "x-forwarded-for", PROXY, VIEWER, VIEWER),
        (NETS, "x-forwarded-for", PROXY, f"198.51.100.1, {VIEWER}, 10.9.9.9", VIEWER),
        (NETS, "x-forwarded-for", PROXY, f"{VIEWER}:4711", VIEWER),
        (NETS, "x-forwarded-for", PROXY, "2001:db8::9", "2001:db8::9"),
        (NETS, "x-forwarded-for", PROXY, f"{VIEWER}, unknown", PROXY),
        (NETS, "x-forwarded-for", PROXY, "", PROXY),
        (NETS, "x-forwarded-for", PROXY, "10.1.1.1", PROXY),
        (("*",), "x-forwarded-for", VIEWER, f"198.51.100.1, {PROXY}", PROXY),
        (NETS, "forwarded", PROXY, f'for={VIEWER};proto=https, for="10.2.2.2"', VIEWER),
        (NETS, "forwarded", PROXY, 'proto=https;For="[2001:db8::9]:4711"', "2001:db8::9"),
        (NETS, "forwarded", PROXY, f"for={VIEWER}, for=_hidden", PROXY),
        (("*",), "cloudfront-viewer-address", PROXY, f"{VIEWER}:4711", VIEWER),
        (("*",), "cloudfront-viewer-address", PROXY, "2001:db8::9:4711", "2001:db8::9"),
        (("*",), "cloudfront-viewer-address", PROXY, "nonsense", PROXY),
    ],
)
def test_a_viewer(
    trusted: tuple[str, ...], header: ViewerHeader, address: str, written: str, viewer: str
) -> None:
    made = Edge(trusted, header)
    assert made.viewer(address, {header: written}) == viewer


def test_only_the_header_that_was_named_is_read() -> None:
    made = Edge(NETS, "x-forwarded-for")
    shown = {"forwarded": f"for={VIEWER}", "cloudfront-viewer-address": f"{VIEWER}:1"}
    assert made.viewer(PROXY, shown) == PROXY


def test_a_proxy_is_an_address_or_a_network() -> None:
    with pytest.raises(ValueError, match=r"proxy\.example"):
        edge(["proxy.example"], "x-forwarded-for", [], [], trust_loopback=False)


NAMED = edge(
    [], "x-forwarded-for", ["Talks.example"], ["https://pages.example"], trust_loopback=False
)


@pytest.mark.parametrize(
    ("method", "headers", "is_refused"),
    [
        ("GET", {"host": "talks.example"}, False),
        ("GET", {"host": "TALKS.example:8443"}, False),
        ("GET", {"host": "rebound.example"}, True),
        ("GET", {}, True),
        ("POST", {"host": "talks.example", "origin": "https://talks.example"}, False),
        ("POST", {"host": "talks.example", "origin": "https://Pages.example:443"}, False),
        ("POST", {"host": "talks.example", "origin": "https://evil.example"}, True),
        ("POST", {"host": "talks.example", "origin": "https://talks.example.evil.example"}, True),
        ("POST", {"host": "talks.example", "origin": "null"}, True),
        ("GET", {"host": "talks.example", "origin": "https://evil.example"}, False),
        ("WEBSOCKET", {"host": "talks.example", "origin": "https://evil.example"}, True),
        ("WEBSOCKET", {"host": "talks.example"}, False),
    ],
)
def test_names_and_origins(method: str, headers: dict[str, str], is_refused: bool) -> None:
    assert (NAMED.refusal(method, headers) is not None) == is_refused
    assert Edge().refusal(method, headers) is None


@pytest.mark.parametrize(
    ("made", "address", "headers", "is_here"),
    [
        (Edge(trust_loopback=True), "127.0.0.1", {"host": "127.0.0.1:8080"}, True),
        (Edge(trust_loopback=True), "::1", {"host": "[::1]:8080"}, True),
        (Edge(trust_loopback=True), "127.0.0.1", {"host": "localhost"}, True),
        (Edge(), "127.0.0.1", {"host": "127.0.0.1:8080"}, False),
        (Edge(trust_loopback=True), "127.0.0.1", {"host": "rebound.example:8080"}, False),
        (Edge(trust_loopback=True), "127.0.0.1", {}, False),
        (Edge(trust_loopback=True), "10.0.0.7", {"host": "localhost"}, False),
        (Edge(trust_loopback=True), "unknown", {"host": "localhost"}, False),
        (
            Edge(trust_loopback=True),
            "127.0.0.1",
            {"host": "localhost", "x-forwarded-for": VIEWER},
            False,
        ),
        (Edge(trust_loopback=True), "127.0.0.1", {"host": "localhost", "via": "1.1 x"}, False),
        (
            Edge(trust_loopback=True, allowed_hosts=frozenset({"talks.test"})),
            "127.0.0.1",
            {"host": "talks.test:8080"},
            True,
        ),
    ],
)
def test_who_is_on_this_machine(
    made: Edge, address: str, headers: dict[str, str], is_here: bool
) -> None:
    assert made.is_on_this_machine(address, headers) == is_here

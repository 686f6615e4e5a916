from ipaddress import ip_address, ip_network

import pytest

from ikeview.core.specs import Selector
from ikeview.settings.problems import BadValue, Problem
from ikeview.settings.values import Remote, parse_local, parse_name, parse_remote, parse_selector


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("10.1.0.0/24", Selector(ip_network("10.1.0.0/24"))),
        ("10.1.0.5", Selector(ip_network("10.1.0.5/32"))),
        ("10.1.0.5 tcp/22", Selector(ip_network("10.1.0.5/32"), 6, 22)),
        ("10.1.0.0/24 UDP", Selector(ip_network("10.1.0.0/24"), 17)),
        ("2001:db8::/64 tcp/any", Selector(ip_network("2001:db8::/64"), 6)),
        ("2001:db8::/64 icmp6", Selector(ip_network("2001:db8::/64"), 58)),
        ("0.0.0.0/0 47", Selector(ip_network("0.0.0.0/0"), 47)),
    ],
)
def test_selectors(text: str, selector: Selector) -> None:
    assert parse_selector(text) == selector
    assert parse_selector(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no selector"),
        ("10.1.0.0/24 tcp 22", "is no selector"),
        ("10.1.0.5/24", "has bits set behind its prefix"),
        ("10.1.0.0/33", "is no network"),
        ("lan", "is no network"),
        ("fe80::1%eth0", "is no network"),
        ("10.1.0.0/24 tpc/22", "unknown protocol 'tpc'"),
        ("10.1.0.0/24 0", "unknown protocol '0'"),
        ("10.1.0.0/24 256", "unknown protocol '256'"),
        ("10.1.0.0/24 tcp/0", "'0' is no port"),
        ("10.1.0.0/24 tcp/65536", "'65536' is no port"),
        ("10.1.0.0/24 tcp/", "'' is no port"),
        ("10.1.0.0/24 icmp/8", "names a port"),
        ("10.1.0.0/24 icmp6", "mixes icmp6 and IPv4"),
        ("2001:db8::/64 icmp", "mixes icmp and IPv6"),
    ],
)
def test_what_is_no_selector(text: str, said: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_selector(text)
    assert said in caught.value.text
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("any", Remote("any")),
        ("203.0.113.9", Remote("203.0.113.9", address=ip_address("203.0.113.9"))),
        ("2001:db8::9", Remote("2001:db8::9", address=ip_address("2001:db8::9"))),
        ("198.51.100.0/24", Remote("198.51.100.0/24", network=ip_network("198.51.100.0/24"))),
        ("gw.example.net", Remote("gw.example.net")),
        ("gw.example.net.", Remote("gw.example.net.")),
        ("gw1", Remote("gw1")),
    ],
)
def test_remotes(text: str, remote: Remote) -> None:
    assert parse_remote(text) == remote


@pytest.mark.parametrize(
    "text",
    [
        "",
        "203.0.113.300",
        "203.0.113",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "203.0.113.9/24",
        "a..net",
        "-gw.example",
        "gw.example.7",
        "a" * 64,
        "gw example",
        "gw\x1b[0m",
        "fe80::1%eth0",
        "x." * 127 + "xx",
    ],
)
def test_what_is_no_remote(text: str) -> None:
    with pytest.raises(BadValue):
        parse_remote(text)


@pytest.mark.parametrize("text", ["any", "192.0.2.1", "2001:db8::1", "eth0", "br-lan", "eth0.100"])
def test_locals(text: str) -> None:
    assert parse_local(text) == text


@pytest.mark.parametrize("text", ["", "192.0.2.256", "0.0.0.0", "::", "192.0.2.0/24", "a" * 16, "eth 0", "eth0:1"])
def test_what_is_no_local(text: str) -> None:
    with pytest.raises(BadValue):
        parse_local(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("tokyo", True),
        ("a.b_c-9", True),
        ("x" * 64, True),
        ("", False),
        ("x" * 65, False),
        ("to/kyo", False),
        ("-x", False),
        (".x", False),
        ("東京", False),
        ("a b", False),
        ("a\n", False),
    ],
)
def test_names(text: str, good: bool) -> None:
    if good:
        assert parse_name(text) == text
    else:
        with pytest.raises(BadValue, match="cannot be a name"):
            parse_name(text)


def test_a_problem_is_one_printable_line_of_bounded_length() -> None:
    problem = Problem("peers/\x1b]0;x\n\udcff.toml", "a" * 10**6, "text\r\n", "hint\x07", 3)
    assert str(problem).isprintable()
    assert len(str(problem)) < 1000
    assert str(Problem("f", "", "text")) == "f: text"
    assert str(Problem("f", "k", "text", "hint", 3)) == "f:3: k: text, hint"

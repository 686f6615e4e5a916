"""Names, against a name server of the test's own on loopback."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import dns.name
import dns.resolver
import pytest

from ikeview.engine import names
from ikeview.engine.names import Found, look_up
from tests.support.name_server import NameServer
from tests.unit.engine.fakes import udp

SYSTEM = socket.getaddrinfo

@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NameServer]:
    """Also: a hosts file of the test's own, and a system's resolver that knows only what that has."""
    made = NameServer(udp())
    hosts = tmp_path / "hosts"
    hosts.write_text("# 192.0.2.9 commented.example\n192.0.2.1\tgw.hosts.example GW # not-this\n\nnonsense\n")
    monkeypatch.setattr(names, "_HOSTS", hosts)
    monkeypatch.setattr(names, "QUERY_SECONDS", 0.3)

    class Resolver(dns.resolver.Resolver):
        def __init__(self) -> None:
            super().__init__(configure=False)
            self.nameservers, self.port = ["127.0.0.1"], made.port
            self.search = [dns.name.from_text("corp.example.")]
            self.use_search_by_default = True

    monkeypatch.setattr(dns.resolver, "Resolver", Resolver)

    def getaddrinfo(name: str, *_: object, **__: object) -> list:  # type: ignore[type-arg]
        if name.lower().rstrip(".") not in ("gw.hosts.example", "gw", "printer.local"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.1", 0))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with made:
        yield made


def found(*addresses: str, ttl: float) -> Found:
    return Found(tuple(map(ip_address, addresses)), ttl)


def test_addresses_of_both_families_and_the_shortest_ttl(server: NameServer) -> None:
    server.records = {
        ("gw.example.", "A"): [("gw.example.", 300, "A", "203.0.113.9"), ("gw.example.", 300, "A", "203.0.113.10")],
        ("gw.example.", "AAAA"): [("gw.example.", 20, "AAAA", "2001:db8::9")],
    }
    got = look_up("gw.example")
    assert got.ttl == 20
    assert got.addresses[0] == ip_address("2001:db8::9")
    assert set(map(str, got.addresses[1:])) == {"203.0.113.9", "203.0.113.10"}


def test_an_alias_holds_no_longer_than_its_shortest_record(server: NameServer) -> None:
    chain = [("gw.example.", 15, "CNAME", "dyn.example."), ("dyn.example.", 600, "A", "203.0.113.9")]
    server.records = {("gw.example.", "A"): chain, ("gw.example.", "AAAA"): chain[:1]}
    assert look_up("gw.example") == found("203.0.113.9", ttl=15)


def test_a_ttl_of_0(server: NameServer) -> None:
    server.records = {("gw.example.", "A"): [("gw.example.", 0, "A", "203.0.113.9")]}
    assert look_up("gw.example") == found("203.0.113.9", ttl=0)


def test_one_family_alone_and_a_server_that_is_silent_about_the_other(server: NameServer) -> None:
    server.records = {("gw.example.", "A"): [("gw.example.", 60, "A", "203.0.113.9")]}
    server.silent_about = {"AAAA"}
    assert look_up("gw.example") == found("203.0.113.9", ttl=60)


def test_the_search_list(server: NameServer) -> None:
    server.records = {("tokyo.corp.example.", "A"): [("tokyo.corp.example.", 60, "A", "203.0.113.9")]}
    assert look_up("tokyo") == found("203.0.113.9", ttl=60)


@pytest.mark.parametrize("name", ["gw.hosts.example", "GW.HOSTS.Example.", "gw"])
def test_the_hosts_file_comes_first(server: NameServer, name: str) -> None:
    assert look_up(name) == found("192.0.2.1", ttl=names.UNKNOWN_TTL)
    assert server.asked == []


def test_what_the_dns_does_not_know_the_system_may(server: NameServer) -> None:
    assert look_up("printer.local") == found("192.0.2.1", ttl=names.UNKNOWN_TTL)
    assert server.asked
    with pytest.raises(socket.gaierror):
        look_up("commented.example")


def test_a_server_that_does_not_answer_at_all(server: NameServer) -> None:
    server.silent_about = {"A", "AAAA"}
    with pytest.raises(socket.gaierror):
        look_up("gw.example")


def test_a_machine_without_a_resolv_conf(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> dns.resolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", refuse)
    assert look_up("printer.local") == found("192.0.2.1", ttl=names.UNKNOWN_TTL)


@pytest.mark.parametrize("name", ["a" * 70 + ".example", "a..b", "ä" * 60])
def test_what_can_be_no_name(server: NameServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", SYSTEM)
    with pytest.raises(ValueError, match="label"):
        look_up(name)
    assert server.asked == []

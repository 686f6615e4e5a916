import socket
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from ikeview.core.outputs import Locate, Spot
from ikeview.core.specs import Address
from ikeview.engine import locate as module
from ikeview.engine.locate import Locator
from ikeview.engine.names import Found
from tests.unit.engine.fakes import LOOPBACK

V4, V6 = Spot(IPv4Address("0.0.0.0"), 500), Spot(IPv6Address("::"), 500)


def names(**known: str) -> Callable[[str], Found]:
    def lookup(name: str) -> Found:
        if name.partition(".")[0] not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return Found(tuple(ip_address(each) for each in known[name.partition(".")[0]].split()), 90.0)

    return lookup


async def located(remote: str, local: str = "any", *listening: Spot, **known: str):  # type: ignore[no-untyped-def]
    return await Locator(listening or (V4, V6), names(**known)).locate(Locate("tokyo", remote, local))


@pytest.mark.parametrize(("remote", "local"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
async def test_an_address_needs_no_lookup(remote: str, local: str) -> None:
    answer = await located(remote)
    assert (answer.peer, str(answer.remote), str(answer.local), answer.problem) == ("tokyo", remote, local, "")
    assert answer.ttl == 0.0, "it holds for ever"


async def test_a_name_is_looked_up() -> None:
    answer = await located("gw.example", gw="127.0.0.1")
    assert (answer.remote, answer.problem, answer.ttl, answer.others) == (LOOPBACK, "", 90.0, ())


async def test_of_several_addresses_the_first_with_a_way_to_it() -> None:
    answer = await located("gw.example", "any", V4, gw="::1 127.0.0.1")
    assert answer.remote == LOOPBACK
    assert answer.others == (IPv6Address("::1"),)


async def test_of_several_addresses_the_one_in_use_and_not_the_one_that_did_not_answer() -> None:
    several = [IPv4Address(f"127.0.0.{number}") for number in (1, 2, 3)]
    locator = Locator((V4,), lambda name: Found(tuple(several), 90.0))

    async def chosen(prefer: int | None, avoid: int | None) -> Address | None:
        wish = (None if number is None else IPv4Address(f"127.0.0.{number}") for number in (prefer, avoid))
        return (await locator.locate(Locate("tokyo", "gw.example", "any", *wish))).remote

    assert await chosen(None, None) == several[0]
    assert await chosen(3, None) == several[2]
    assert await chosen(9, None) == several[0]
    assert await chosen(None, 1) == several[1]
    assert await chosen(1, 1) == several[1]
    # better one that did not answer than none
    locator = Locator((V4,), lambda name: Found((LOOPBACK,), 90.0))
    assert await chosen(None, 1) == LOOPBACK


async def test_a_name_without_a_way_to_its_address_is_resolved_all_the_same() -> None:
    answer = await located("gw.example", "any", V4, gw="::1")
    assert answer.problem.startswith("::1 is IPv6")
    assert (answer.local, answer.remote, answer.ttl) == (None, IPv6Address("::1"), 90.0)


async def test_a_ttl_of_0_is_not_taken_for_no_name() -> None:
    answer = await Locator((V4,), lambda name: Found((LOOPBACK,), 0.0)).locate(Locate("tokyo", "gw.example", "any"))
    assert answer.ttl == 1.0


async def test_a_name_that_does_not_exist() -> None:
    answer = await located("nowhere.example")
    assert answer.problem == "the name nowhere.example cannot be resolved: there is no such name"
    assert answer.local is None
    assert answer.remote is None


async def test_a_resolver_that_hangs_is_given_up() -> None:
    release = threading.Event()

    def hang(name: str) -> Found:
        release.wait()
        return Found((), 0.0)

    answer = await Locator((V4,), hang, timeout=0.01).locate(Locate("tokyo", "gw.example", "any"))
    release.set()
    assert "gw.example was not resolved within" in answer.problem


async def test_a_name_that_cannot_be_one() -> None:
    answer = await Locator((V4,)).locate(Locate("tokyo", "a" * 70 + ".example", "any"))
    assert "is no name that can be looked up" in answer.problem


async def test_a_family_that_is_not_listened_on() -> None:
    answer = await located("::1", "any", V4)
    assert answer.problem == "::1 is IPv6, and the engine does not listen on IPv6: see engine.listen"


async def test_the_source_is_one_that_is_listened_on() -> None:
    only = Spot(IPv4Address("127.0.0.5"), 500)
    assert (await located("127.0.0.1", "any", only)).local == only.host


async def test_the_configured_source_is_used() -> None:
    assert (await located("127.0.0.1", "127.0.0.6")).local == IPv4Address("127.0.0.6")


@pytest.mark.parametrize(
    ("local", "problem"),
    [
        ("192.0.2.77", "192.0.2.77 is not an address of this machine"),
        ("::1", "local is ::1, but 127.0.0.1 is IPv4"),
        ("nosuch0", "there is no interface nosuch0"),
        ("an impossible name of an interface", "there is no interface"),
    ],
)
async def test_a_wrong_source_is_told(local: str, problem: str) -> None:
    assert problem in (await located("127.0.0.1", local)).problem


async def test_a_source_that_is_not_listened_on_is_told() -> None:
    answer = await located("127.0.0.1", "127.0.0.6", Spot(LOOPBACK, 500))
    assert answer.problem == "the engine does not listen on 127.0.0.6: add it to engine.listen"


@pytest.mark.parametrize(("remote", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
async def test_an_interface_stands_for_its_first_address(remote: str, address: str) -> None:
    assert str((await located(remote, "lo")).local) == address


def test_a_global_ipv6_address_is_preferred_to_a_link_local_one(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "if_inet6"
    table.write_text(
        "fe800000000000000000000000000001 02 40 20 80     eth0\n"
        "20010db8000000000000000000000009 03 40 00 80     eth1\n"
        "20010db8000000000000000000000001 02 40 00 80     eth0\n"
    )
    monkeypatch.setattr(module, "_IF_INET6", table)
    assert module._first_ipv6("eth0") == IPv6Address("2001:db8::1")
    assert module._first_ipv6("eth9") is None

"""Fixtures of the tests against strongSwan: the two hosts, and how gateways are put on them."""

from collections.abc import Iterator

import pytest

from tests.net.strongswan import need_strongswan
from tests.support.namespaces import TwoHosts, need_namespaces


@pytest.fixture(scope="session")
def peer_program() -> None:
    """What every test against strongSwan needs."""
    need_namespaces()
    need_strongswan()


@pytest.fixture(scope="module")
def hosts(peer_program: None) -> Iterator[TwoHosts]:
    """Two joined hosts for a module's tests: ikeview goes to the left one, strongSwan to the right one."""
    with TwoHosts() as both:
        yield both

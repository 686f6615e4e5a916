"""The demo's two gateways: engines in this process, on two loopback addresses and unprivileged ports."""

import secrets
import socket
from dataclasses import replace
from ipaddress import ip_address, ip_network

from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.specs import (
    EngineSpec,
    KeepaliveSpec,
    Method,
    ModeConfigSpec,
    PeerSpec,
    Selector,
    Settings,
    Start,
    TunnelSpec,
    UiSpec,
    XauthSpec,
)
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.dataplane.esp.device import PipeDevice
from ikeview.dataplane.esp.plane import EspPlane
from ikeview.demo.hosts import VISITOR
from ikeview.engine.refused import EngineRefused
from ikeview.wiring import make_engine

HERE, THERE, NOBODY = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""This gateway, the other one, and an address where no IKE is spoken, so that a failure is to be seen."""

_FIRST_PORT, _LAST_PORT = 15500, 15600
_LIFETIME, _MARGIN = 60.0, 24.0
"""A phase 2 is made anew every half minute."""
_BULK_BYTES = 400_000
"""The second tunnel reaches its byte limit before its time."""
_POOL = ip_network(f"{VISITOR}/29", strict=False)
_USER = "hanako"
_CLEAR = "mode: Aggressive Mode with a pre-shared key sends both identities in clear, and a hash to try keys on"


class Gateways:
    """Both engines and the inner ends of their data planes. ``here`` is the one that the screen shows."""

    def __init__(self) -> None:
        """Makes the engines. Raises ``EngineRefused``."""
        ports = _free_ports()
        secret, password = (Secret(secrets.token_hex(16).encode()) for _ in range(2))
        self.inside_here, here = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.inside_there, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        why = "userspace ESP between two processes of the demo"
        self.here = make_engine(_here(ports, secret, password), (EspPlane(PipeDevice(here)), why), control=False)
        self.there = make_engine(_there(ports, secret, password), (EspPlane(PipeDevice(there)), why), control=False)

    def start(self) -> None:
        """Start both. Raises ``EngineRefused``."""
        for engine in (self.there, self.here):
            engine.begin()
        for engine in (self.there, self.here):
            engine.wait_started()

    def stop(self) -> None:
        """End both in order."""
        for engine in (self.here, self.there):
            engine.ask_stop()
        for engine in (self.here, self.there):
            engine.stop()
        self.inside_here.close()
        self.inside_there.close()


def _free_ports() -> tuple[int, int]:
    """An IKE port and a NAT port that are free on both addresses. Raises ``EngineRefused``."""
    for port in range(_FIRST_PORT, _LAST_PORT, 2):
        if all(_is_free(host, number) for host in (HERE, THERE) for number in (port, port + 1)):
            return port, port + 1
    raise EngineRefused(f"no two free UDP ports from {_FIRST_PORT} to {_LAST_PORT} on {HERE} and {THERE}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _engine(host: str, ports: tuple[int, int]) -> EngineSpec:
    return EngineSpec((ip_address(host),), ports[0], ports[1], "esp")


def _peer(name: str, remote: str, secret: Secret, tunnels: tuple[TunnelSpec, ...]) -> PeerSpec:
    return PeerSpec(
        name,
        remote,
        secret,
        (Phase1Suite.parse("aes256-sha256-modp2048"), Phase1Suite.parse("aes128-sha256-ecp256")),
        tunnels,
        remote_address=ip_address(remote),
        lifetime=600.0,
        keepalive=KeepaliveSpec(interval=5.0, timeout=20.0),
    )


def _tunnel(peer: str, name: str, local: str, remote: str, suite: str) -> TunnelSpec:
    return TunnelSpec(
        peer, name, Selector(ip_network(local)), Selector(ip_network(remote)), (EspSuite.parse(suite),),
        lifetime=_LIFETIME, rekey_margin=_MARGIN, start=Start.BOOT,
    )


def _visitor(peer: PeerSpec, tunnel: TunnelSpec, *, server: bool, xauth: XauthSpec, config: ModeConfigSpec) -> PeerSpec:
    """One end of the third peering: a client in Aggressive Mode with a user, which is given an address."""
    gateway, client = Identity.parse("fqdn:gw.example"), Identity.parse(f"user:{_USER}@example")
    ours, theirs = (gateway, client) if server else (client, gateway)
    return replace(
        peer, tunnels=(tunnel,), mode="aggressive", aggressive_psk=server, auth_method=Method.XAUTH_PSK,
        proposals=peer.proposals[1:], local_id=ours, remote_id=IdentityPattern.of(theirs), xauth=xauth, config=config,
        warnings=(_CLEAR,),
    )


def _here(ports: tuple[int, int], secret: Secret, password: Secret) -> Settings:
    lan = _tunnel("osaka", "lan", "10.1.0.0/24", "10.2.0.0/24", "aes256gcm16-modp2048")
    bulk = _tunnel("osaka", "bulk", "10.1.1.0/24", "10.2.1.0/24", "aes256-sha256-ecp256")
    lost = _tunnel("nagoya", "lan", "10.1.0.0/24", "10.3.0.0/24", "aes256gcm16")
    visit = replace(_tunnel("kobe", "visit", "0.0.0.0/32", "10.2.2.0/24", "aes128gcm16-ecp256"), local_dynamic=True)
    visitor = _visitor(
        _peer("kobe", THERE, secret, ()), visit, server=False,
        xauth=XauthSpec(False, _USER, password), config=ModeConfigSpec(False),
    )
    peers = (
        _peer("osaka", THERE, secret, (lan, replace(bulk, lifebytes=_BULK_BYTES))),
        visitor,
        _peer("nagoya", NOBODY, secret, (lost,)),
    )
    return Settings(_engine(HERE, ports), UiSpec(), peers, "(demo)")


def _there(ports: tuple[int, int], secret: Secret, password: Secret) -> Settings:
    lan = _tunnel("tokyo", "lan", "10.2.0.0/24", "10.1.0.0/24", "aes256gcm16-modp2048")
    bulk = _tunnel("tokyo", "bulk", "10.2.1.0/24", "10.1.1.0/24", "aes256-sha256-ecp256")
    # longer lifetimes, so that the gateway on the screen is the one that rekeys; it does not begin
    tunnels = tuple(replace(each, start=Start.MANUAL, lifetime=3600.0, rekey_margin=60.0) for each in (lan, bulk))
    visit = replace(
        _tunnel("visitors", "visit", "10.2.2.0/24", "0.0.0.0/32", "aes128gcm16-ecp256"), remote_dynamic=True,
        start=Start.MANUAL, lifetime=3600.0, rekey_margin=60.0,
    )
    stored = PasswordHash.of(password, secrets.token_bytes(16))
    visitors = _visitor(
        replace(_peer("visitors", HERE, secret, ()), role="responder"), visit, server=True,
        xauth=XauthSpec(True, users=((_USER, stored),)),
        config=ModeConfigSpec(True, pool=_POOL, dns=(ip_address("10.2.2.53"),), domain="example", banner="Welcome."),
    )
    return Settings(_engine(THERE, ports), UiSpec(), (_peer("tokyo", HERE, secret, tunnels), visitors), "(demo)")

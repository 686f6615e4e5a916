"""Policy routing: what sends the tunnels' traffic, and nothing else, into the TUN device (ip-rule(8)).

Every tunnel has a rule with its own selectors, so that a packet is taken by the same test as in RFC 4301: source,
destination, protocol and ports. Rules look into a table of our own::

    4498  fwmark BYPASS           goto 4503              our own IKE and ESP sockets, whatever the tunnels are
    4499  from 0.0.0.0/32         main, no default       only with 0.0.0.0/0: the box still reaches its own networks
    4500  from LOCAL to REMOTE    lookup 4500            once a tunnel
    4500  from 0.0.0.0/32 to REMOTE  lookup 4500         the box's own packets that have no source address yet
    4501  iif lo                  main, no default       the same two for an assigned IPv6 address and ::/0
    4502  from LOCAL to ::/0 if that is what source address selection says, lookup 4500
    4503  nop

In the table, REMOTE goes to the device with the box's own address inside LOCAL as source, if it has one; LOCAL is
thrown back to the other tables, so that a wide REMOTE does not swallow the protected network itself; and REMOTE of a
blocked tunnel is unreachable by a route that outlives the device: after ``kill -9`` nothing goes out in clear.

In transport mode LOCAL and REMOTE are the outer addresses too. Marks keep what we send out of the tunnel; what comes in
has none, so that the kernel, asked for the way back, names the device: strict reverse path filtering would drop it.
"""

import contextlib
import errno
import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ikeview.core.specs import Address, Network, TunnelSpec, WhenDown
from ikeview.dataplane.esp.inner import WITH_PORTS
from ikeview.dataplane.esp.netlink import Netlink
from ikeview.dataplane.plane import PlaneRefused

BYPASS_MARK = 0x1CEE5
"""SO_MARK of sockets whose packets never go into a tunnel."""
TABLE = 4500
BYPASS_PRIORITY, CONNECTED_PRIORITY, TUNNEL_PRIORITY = 4498, 4499, 4500
LATE_CONNECTED_PRIORITY, SELECTED_PRIORITY, END_PRIORITY = 4501, 4502, 4503
PROTOCOL = 145
"""Who made a rule or route (rtnetlink(7), RTPROT): by this number leftovers of ours are known."""
DEVICE_METRIC, BLOCK_METRIC, THROW_METRIC = 10, 20, 30

_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_NEW_RULE, _DELETE_RULE, _GET_RULE = 32, 33, 34
_GET_ADDRESS = 22
_TO_TABLE, _GOTO, _NOP = 1, 2, 3
_UNICAST, _UNREACHABLE, _THROW = 1, 7, 9
_UNIVERSE, _LINK = 0, 253
_MAIN_TABLE = 254
_FIND_SOURCE = 0x10000
"""FIB_RULE_FIND_SADDR of linux/fib_rules.h: a packet without source matches if source address selection would give it
one of the rule's; IPv6 only."""
_STRICT = 1
"""Value of rp_filter; the larger of the interface's and that of ``all`` holds (Documentation/networking/ip-sysctl)."""
_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.ENETDOWN)
_RULE_ATTRIBUTES = frozenset(
    ("FRA_SRC", "FRA_DST", "FRA_PRIORITY", "FRA_TABLE", "FRA_FWMARK", "FRA_FWMASK", "FRA_IIFNAME", "FRA_GOTO",
     "FRA_IP_PROTO", "FRA_SPORT_RANGE", "FRA_DPORT_RANGE", "FRA_PROTOCOL")
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy routing rule; only what is set is a condition."""

    version: int
    priority: int
    action: int = _TO_TABLE
    table: int = 0
    goto: int = 0
    source: Network | None = None
    destination: Network | None = None
    mark: int = 0
    interface: str = ""
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    no_default: bool = False
    find_source: bool = False

    def message(self) -> fibmsg:
        """The request's body."""
        attributes: list[tuple[str, object]] = [("FRA_PRIORITY", self.priority), ("FRA_PROTOCOL", PROTOCOL)]
        for name, value in (
            ("TABLE", self.table),
            ("GOTO", self.goto),
            ("FWMARK", self.mark),
            ("IIFNAME", self.interface),
            ("IP_PROTO", self.protocol),
        ):
            if value:
                attributes.append((f"FRA_{name}", value))
        for name, port in (("SPORT", self.source_port), ("DPORT", self.destination_port)):
            if port:
                attributes.append((f"FRA_{name}_RANGE", f"{port}:{port}"))
        for name, network in (("SRC", self.source), ("DST", self.destination)):
            if network is not None and network.prefixlen:
                attributes.append((f"FRA_{name}", str(network.network_address)))
        if self.no_default:
            attributes.append(("FRA_SUPPRESS_PREFIXLEN", 0))
        message = fibmsg()
        message["family"] = _family(self.version)
        message["src_len"] = self.source.prefixlen if self.source else 0
        message["dst_len"] = self.destination.prefixlen if self.destination else 0
        message["action"] = self.action
        message["flags"] = _FIND_SOURCE if self.find_source else 0
        message["attrs"] = attributes
        return message


@dataclass(frozen=True, slots=True)
class Route:
    """A route of our table."""

    destination: Network
    kind: int
    metric: int
    device: int = 0
    preferred: Address | None = field(default=None, compare=False)
    """The source of packets that have none; of two tunnels with one destination the first decides."""

    def message(self) -> rtmsg:
        """The request's body."""
        attributes: list[tuple[str, object]] = [("RTA_TABLE", TABLE), ("RTA_PRIORITY", self.metric)]
        if self.destination.prefixlen:
            attributes.append(("RTA_DST", str(self.destination.network_address)))
        if self.device:
            attributes.append(("RTA_OIF", self.device))
        if self.preferred is not None:
            attributes.append(("RTA_PREFSRC", str(self.preferred)))
        message = rtmsg()
        message["family"] = _family(self.destination.version)
        message["dst_len"] = self.destination.prefixlen
        message["proto"] = PROTOCOL
        message["type"] = self.kind
        message["scope"] = _LINK if self.device and self.destination.version == 4 else _UNIVERSE
        message["attrs"] = attributes
        return message


def wanted(
    tunnel: TunnelSpec, device: int, own: Address | None, *, assigned: bool = False
) -> list[Route | Rule]:
    """What a tunnel needs, in the order of making it. ``own``: an address of the box inside its local selector;
    ``assigned``: that is one on the device itself."""
    local, remote = tunnel.local.network, tunnel.remote.network
    version = remote.version
    needs: list[Route | Rule] = [Route(remote, _UNICAST, DEVICE_METRIC, device, own)]
    if tunnel.when_down is WhenDown.BLOCK:
        needs.append(Route(remote, _UNREACHABLE, BLOCK_METRIC))
    if local != remote:
        needs.append(Route(local, _THROW, THROW_METRIC))
    needs += [
        Rule(version, END_PRIORITY, _NOP),
        Rule(version, BYPASS_PRIORITY, _GOTO, goto=END_PRIORITY, mark=BYPASS_MARK),
    ]
    protocol = tunnel.remote.protocol or tunnel.local.protocol
    with_ports = protocol in WITH_PORTS
    traffic = Rule(
        version,
        TUNNEL_PRIORITY,
        table=TABLE,
        source=local,
        destination=remote,
        protocol=protocol,
        source_port=tunnel.local.port if with_ports else 0,
        destination_port=tunnel.remote.port if with_ports else 0,
    )
    needs.append(traffic)
    if own is not None and version == 4:
        nowhere = ip_network("0.0.0.0/32")
        if not remote.prefixlen:
            needs.append(Rule(4, CONNECTED_PRIORITY, table=_MAIN_TABLE, source=nowhere, no_default=True))
        needs.append(replace(traffic, source=nowhere))
    elif own is not None and remote.prefixlen:
        # IPv6 cannot ask for "no source yet", so this takes all of the box's own packets to the network
        needs.append(replace(traffic, source=None, interface="lo"))
    elif assigned:
        needs.append(Rule(6, LATE_CONNECTED_PRIORITY, table=_MAIN_TABLE, interface="lo", no_default=True))
        needs.append(replace(traffic, priority=SELECTED_PRIORITY, find_source=True))
    return needs


class Routes:
    """Makes what tunnels need, shares what several need, and undoes it all."""

    def __init__(self, device: int) -> None:
        """Removes what a killed run has left. Raises ``PlaneRefused``."""
        self._device = device
        self._users: Counter[Route | Rule] = Counter()
        self._tunnels: dict[str, tuple[TunnelSpec, list[Route | Rule]]] = {}
        self._netlink = Netlink()
        try:
            self._remove_leftovers()
        except OSError as error:
            self._netlink.close()
            raise PlaneRefused(f"routes and rules of an earlier run cannot be removed: {error.strerror}") from error

    def take(self, tunnel: TunnelSpec) -> None:
        """Send the tunnel's traffic into the device. Raises ``PlaneRefused``, and then nothing has changed."""
        if tunnel.full_name in self._tunnels:
            return
        if tunnel.mode == "transport" and tunnel.local.network.version == 4:
            self._check_way_back(tunnel)
        done: list[Route | Rule] = []
        try:
            own, assigned = self._own_address(tunnel.local.network)
            for need in wanted(tunnel, self._device, own, assigned=assigned):
                if not self._users[need]:
                    self._create(need)
                self._users[need] += 1
                done.append(need)
        except OSError as error:
            self._undo(done)
            raise PlaneRefused(
                f"the route to {tunnel.remote.network} for {tunnel.full_name} cannot be made: {error.strerror}"
            ) from error
        self._tunnels[tunnel.full_name] = tunnel, done

    def refresh(self, address: Address) -> None:
        """An address has come to the device or gone from it, and with it the routes that named it as source: made again
        for what the tunnels find now. What blocks stays meanwhile. Raises ``PlaneRefused``."""
        for name, (tunnel, before) in self._tunnels.items():
            if address not in tunnel.local.network:
                continue
            own, assigned = self._own_address(tunnel.local.network)
            needs = wanted(tunnel, self._device, own, assigned=assigned)
            try:
                for need in needs:
                    if isinstance(need, Route) and need.device:
                        # whatever source it names
                        self._delete(_DELETE_ROUTE, replace(need, preferred=None).message())
                        self._create(need)
                    elif need not in before:
                        if not self._users[need]:
                            self._create(need)
                        self._users[need] += 1
            except OSError as error:
                raise PlaneRefused(
                    f"the route to {tunnel.remote.network} for {name} cannot be made: {error.strerror}"
                ) from error
            self._undo([need for need in before if need not in needs])
            self._tunnels[name] = tunnel, needs

    def _create(self, need: Route | Rule) -> None:
        self._netlink.create(_NEW_ROUTE if isinstance(need, Route) else _NEW_RULE, need.message())

    def drop(self, tunnel: TunnelSpec) -> None:
        """Give the tunnel's traffic back."""
        _, needs = self._tunnels.pop(tunnel.full_name, (tunnel, []))
        self._undo(needs)

    def close(self) -> None:
        """Undo everything."""
        for _, needs in self._tunnels.values():
            self._undo(needs)
        self._tunnels.clear()
        self._netlink.close()

    def _undo(self, needs: list[Route | Rule]) -> None:
        for need in reversed(needs):
            self._users[need] -= 1
            if self._users[need]:
                continue
            del self._users[need]
            # somebody else may have removed it, or the device; what stays by mistake is removed at the next start
            with contextlib.suppress(OSError):
                self._delete(_DELETE_ROUTE if isinstance(need, Route) else _DELETE_RULE, need.message())

    def _delete(self, kind: int, message: fibmsg | rtmsg) -> None:
        try:
            self._netlink.delete(kind, message)
        except OSError as error:
            if error.errno not in _GONE:
                raise

    def _own_address(self, network: Network) -> tuple[Address | None, bool]:
        """An address of the box in the network, and whether it is one of the device's."""
        if not network.prefixlen:
            return None, False
        question = ifaddrmsg()
        question["family"] = _family(network.version)
        for answer in self._netlink.dump(_GET_ADDRESS, question):
            text = answer.get_attr("IFA_LOCAL") or answer.get_attr("IFA_ADDRESS")
            with contextlib.suppress(ValueError, TypeError):
                address = ip_address(text)
                if address in network and not address.is_loopback and not address.is_link_local:
                    return address, answer["index"] == self._device
        return None, False

    def _check_way_back(self, tunnel: TunnelSpec) -> None:
        """Raises ``PlaneRefused`` if the kernel would drop what the other host sends."""
        question = rtmsg()
        question["family"] = _family(4)
        question["dst_len"] = 32
        question["attrs"] = [
            ("RTA_DST", str(tunnel.remote.network.network_address)),
            ("RTA_SRC", str(tunnel.local.network.network_address)),
            ("RTA_MARK", BYPASS_MARK),
        ]
        try:
            answers = self._netlink.ask(_GET_ROUTE, question)
            name = socket.if_indextoname(answers[0].get_attr("RTA_OIF"))
        except (OSError, IndexError, TypeError):
            # no way there yet, or no such address; a way that comes up later is not looked at
            return
        if max(map(_path_filter, ("all", name))) == _STRICT:
            raise PlaneRefused(
                f"{tunnel.full_name}: transport mode in userspace does not work with strict reverse path filtering on"
                f" {name}; allow the loose one with `sysctl -w net.ipv4.conf.{name}.rp_filter=2`"
            )

    def _remove_leftovers(self) -> None:
        for version in (4, 6):
            question = fibmsg()
            question["family"] = _family(version)
            for found in self._netlink.dump(_GET_RULE, question):
                if found.get_attr("FRA_PROTOCOL") == PROTOCOL and found["family"] == question["family"]:
                    self._delete(_DELETE_RULE, _copy(found, "family src_len dst_len action", _RULE_ATTRIBUTES))
            question = rtmsg()
            question["family"] = _family(version)
            for found in self._netlink.dump(_GET_ROUTE, question):
                if found["proto"] == PROTOCOL and found.get_attr("RTA_TABLE") == TABLE:
                    attributes = frozenset(("RTA_TABLE", "RTA_DST", "RTA_PRIORITY"))
                    self._delete(_DELETE_ROUTE, _copy(found, "family dst_len proto type scope", attributes))


def _path_filter(interface: str) -> int:
    try:
        return int(Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").read_text())
    except (OSError, ValueError):
        return 0


def _family(version: int) -> int:
    return int(socket.AF_INET if version == 4 else socket.AF_INET6)


def _copy(found: fibmsg | rtmsg, fields: str, attributes: frozenset[str]) -> fibmsg | rtmsg:
    message = type(found)()
    for name in fields.split():
        message[name] = found[name]
    message["attrs"] = [(name, value) for name, value in found["attrs"] if name in attributes and value is not None]
    return message

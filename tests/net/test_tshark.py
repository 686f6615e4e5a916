"""A second opinion: Wireshark reads a captured negotiation with the key that strongSwan has derived."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.net.capture import Capture
from tests.net.cells import LEFT, PASSWORD, RIGHT, Cell, ikeview_files, lay_out, strongswan_files
from tests.net.gateway import Gateway
from tests.net.papers import Papers
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import SECRET, StrongSwan
from tests.net.traffic import ping, wait_for_both, wait_until
from tests.support.namespaces import ThreeHosts, TwoHosts
from tests.support.requirements import need

pytestmark = pytest.mark.net

_SITES = Sites(1)
_ESP = "aes256gcm16-modp2048"
_SHORT_NAMES = {1: "SA", 4: "KE", 5: "ID", 6: "CERT", 7: "CERTREQ", 8: "HASH", 9: "SIG", 10: "NONCE", 11: "N", 12: "D",
                13: "VID", 14: "ATTR", 20: "NAT-D"}
_PROPOSAL, _TRANSFORM = 2, 3
_MAIN_MODE, _INFORMATIONAL, _TRANSACTION, _QUICK_MODE = 2, 5, 6, 32
_KINDS = {"Main Mode": _MAIN_MODE, "Quick Mode": _QUICK_MODE}


@dataclass(frozen=True)
class Seen:
    """An IKE message as tshark tells it."""

    initiator_cookie: str
    responder_cookie: str
    message_id: str
    exchange: int
    size: int
    payloads: tuple[str, ...]
    spis: tuple[str, ...]
    """Of proposals and Deletes."""


def _tshark(folder: Path, capture: Path, *words: str) -> str:
    """tshark's output, with ``folder`` as its configuration."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(capture), *words], capture_output=True, text=True, timeout=60,
        env=os.environ | {"WIRESHARK_CONFIG_DIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _messages(folder: Path, capture: Path) -> list[Seen]:
    fields = ("ispi", "rspi", "messageid", "exchangetype", "length", "typepayload", "spi")
    text = _tshark(
        folder, capture, "-Y", "isakmp", "-T", "fields", *(word for each in fields for word in ("-e", f"isakmp.{each}"))
    )
    found = []
    for line in text.splitlines():
        ispi, rspi, message_id, exchange, size, kinds, spis = line.split("\t")
        numbers = [int(each) for each in kinds.split(",") if each]
        names = tuple(_SHORT_NAMES[each] for each in numbers if each not in (_PROPOSAL, _TRANSFORM))
        found.append(
            Seen(ispi, rspi, f"{int(message_id, 16):08x}", int(exchange), int(size), names,
                 tuple(each for each in spis.split(",") if each))
        )
    return found


def _keys(log: str) -> list[str]:
    """The phase 1 encryption keys in strongSwan's log at level 4, in order."""
    keys = []
    for dump in re.findall(r"encryption key Ka => (\d+) bytes @ \S+\n((?:.*\[IKE\] +\d+: .*\n)+)", log):
        octets = "".join(re.findall(r"\[IKE\] +\d+: ((?:[0-9A-F]{2} )+)", dump[1])).replace(" ", "")
        assert len(octets) == 2 * int(dump[0])
        keys.append(octets.lower())
    return keys


@pytest.mark.parametrize(
    ("initiator", "phase1"), [("ikeview", "aes256-sha512-ecp384"), ("strongswan", "3des-sha1-modp1024")]
)
def test_tshark_reads_all(peer_program: None, tmp_path: Path, initiator: str, phase1: str) -> None:
    need(shutil.which("tshark") is not None, "tshark is not installed")
    connection = _SITES.connection("peer", phase1, _SITES.child(_ESP, "peer-lan"))
    peer = _SITES.peer_file("peer", phase1, _SITES.tunnel_file(_ESP))
    with TwoHosts() as hosts:
        give_addresses(hosts, [_SITES])
        with StrongSwan(hosts.right, tmp_path / "strongswan", [connection], ike_log=4) as strongswan, \
                Gateway(hosts.left, tmp_path / "ikeview", [peer]) as ikeview, Capture(hosts.left) as captured:
            if initiator == "ikeview":
                ikeview.up("peer/lan")
            else:
                assert strongswan.swanctl("--initiate", "--child", "peer-lan", "--timeout", "20").returncode == 0
            wait_for_both(ikeview, strongswan, "peer/lan")
            ping(hosts.left, _SITES.host(1), _SITES.host(2))
            assert ikeview.command("rekey", "peer/lan").returncode == 0
            assert ikeview.command("down", "peer/lan").returncode == 0
            wait_until(lambda: not strongswan.sas(), 5, "strongSwan has nothing left")
            events = ikeview.events()
            [key] = _keys(strongswan.log)
            told = json.dumps(events).lower() + ikeview.output.lower()
    assert key not in told
    assert SECRET not in told
    capture = tmp_path / "negotiation.pcap"
    captured.write(capture)
    datagrams = captured.ike()
    cookie = datagrams[0][1][:8].hex()
    table = tmp_path / "ikev1_decryption_table"
    table.touch(mode=0o600)
    table.write_text(f"{cookie},{key}\n")

    messages = _messages(tmp_path, capture)
    assert [(seen.initiator_cookie, seen.size) for seen in messages] == [(cookie, len(data)) for _, data in datagrams]
    faults = _tshark(tmp_path, capture, "-Y", 'isakmp && (_ws.malformed || _ws.expert.severity == "Error")')
    assert faults == ""
    assert all(seen.payloads for seen in messages), "every message was decrypted"
    assert any(seen.exchange == _INFORMATIONAL and "D" in seen.payloads for seen in messages)

    # without the key the encrypted ones stay closed: it was the key that opened them
    table.unlink()
    closed = _messages(tmp_path, capture)
    assert [seen.payloads for seen in closed[:4]] == [seen.payloads for seen in messages[:4]]
    assert not any(seen.payloads for seen in closed[4:])

    # message by message, what ikeview says it has sent and taken is what Wireshark has seen
    begun = {each["exchange"]: each for each in events if each["fact"] == "ExchangeStarted"}
    [phase1_fact] = [each for each in events if each["fact"] == "Phase1Established"]
    rows = [each for each in events if each["fact"] in ("RowSent", "RowTaken")]
    ours = [
        (_KINDS[begun[row["exchange"]]["kind"]], begun[row["exchange"]]["message_id"], row["size"],
         _spread(row["payloads"]))
        for row in rows
    ]
    seen_rows = [
        (seen.exchange, seen.message_id, seen.size, seen.payloads) for seen in messages
        if seen.exchange in _KINDS.values()
    ]
    assert ours == seen_rows
    assert len(ours) == 6 + 3 + 3
    installed = [each for each in events if each["fact"] == "SaInstalled"]
    agreed = [
        tuple(dict.fromkeys(spi for seen in messages if seen.exchange == _QUICK_MODE and seen.message_id == message_id
                            for spi in seen.spis))
        for message_id in dict.fromkeys(seen.message_id for seen in messages if seen.exchange == _QUICK_MODE)
    ]
    # the initiator of a Quick Mode names its SPI first; a responder with a shorter lifetime names its own once more
    assert agreed == [
        (sa["spi_in"], sa["spi_out"]) if sa["role"] == "initiator" else (sa["spi_out"], sa["spi_in"])
        for sa in installed
    ]
    assert phase1_fact["cookies"] == f"{messages[1].initiator_cookie}:{messages[1].responder_cookie}"


def _spread(payloads: list[str]) -> tuple[str, ...]:
    """``VID*2`` as two."""
    names: list[str] = []
    for each in payloads:
        name, _, count = each.partition("*")
        names += [name] * int(count or 1)
    return tuple(names)


_CELLS = [
    Cell(1, "aggressive", "xauth-psk", "none", LEFT, "pull"), Cell(2, "aggressive", "xauth-rsa", "none", RIGHT, "push"),
    Cell(3, "main", "ecdsa384", "none", LEFT, "none"), Cell(4, "aggressive", "hybrid", "none", LEFT, "pull"),
    Cell(5, "main", "rsa", "right", RIGHT, "pull"),
]


@pytest.mark.parametrize("cell", _CELLS, ids=str)
def test_tshark_reads_every_mode(peer_program: None, tmp_path: Path, cell: Cell) -> None:
    """Aggressive Mode, certificates and transactions: nothing malformed, and as ikeview tells it."""
    need(shutil.which("tshark") is not None, "tshark is not installed")
    papers = Papers()
    with ThreeHosts() as hosts:
        lay_out(hosts, [cell])
        # every message in one datagram of one packet
        for host, device in ((hosts.left, "eth0"), (hosts.right, "eth0"), (hosts.router, "eth-left"),
                             (hosts.router, "eth-right")):
            host.ip(f"link set {device} mtu 9000")
        connection = cell.connection(RIGHT)
        connection.more = ("fragmentation = no", *(each for each in connection.more if "fragmentation" not in each))
        with StrongSwan(hosts.right, tmp_path / "strongswan", [connection], ike_log=4,
                        files=strongswan_files(papers, RIGHT)) as strongswan, \
                Gateway(hosts.left, tmp_path / "ikeview", [cell.peer_file()], ikeview_files(papers, [cell.user])) \
                as ikeview, Capture(hosts.left) as captured:
            if cell.initiator == LEFT:
                ikeview.up(cell.tunnel)
            else:
                done = strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "20")
                assert done.returncode == 0, done.stdout
            wait_for_both(ikeview, strongswan, cell.tunnel)
            assert ikeview.command("down", cell.name).returncode == 0
            wait_until(lambda: not strongswan.sas(), 5, "strongSwan has nothing left")
            events = ikeview.events()
            [key] = _keys(strongswan.log)
            told = json.dumps(events).lower() + ikeview.output.lower()
    assert key not in told
    assert PASSWORD not in told
    capture = tmp_path / "negotiation.pcap"
    captured.write(capture)
    datagrams = captured.ike()
    cookie = datagrams[0][1][:8].hex()
    table = tmp_path / "ikev1_decryption_table"
    table.touch(mode=0o600)
    table.write_text(f"{cookie},{key}\n")
    messages = _messages(tmp_path, capture)
    assert [(seen.initiator_cookie, seen.size) for seen in messages] == [(cookie, len(data)) for _, data in datagrams]
    faults = _tshark(tmp_path, capture, "-Y", 'isakmp && (_ws.malformed || _ws.expert.severity == "Error")')
    assert faults == ""
    assert all(seen.payloads for seen in messages), "every message was decrypted"
    transactions = [seen for seen in messages if seen.exchange == _TRANSACTION]
    assert len(transactions) == (4 if cell.xauth else 0) + (2 if cell.config != "none" else 0)
    begun = {each["exchange"]: each for each in events if each["fact"] == "ExchangeStarted"}
    rows = [each for each in events if each["fact"] in ("RowSent", "RowTaken")]
    ours = [(begun[row["exchange"]]["message_id"], row["size"], _spread(row["payloads"])) for row in rows]
    seen_rows = [
        (seen.message_id, seen.size, seen.payloads) for seen in messages if seen.exchange != _INFORMATIONAL
    ]
    assert sorted(ours) == sorted(seen_rows)

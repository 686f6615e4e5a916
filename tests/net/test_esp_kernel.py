"""Userspace ESP against the Linux kernel's, with fixed keys and no IKE: every cipher and integrity algorithm, extended
sequence numbers, transport and tunnel mode.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ikeview.core.outputs import Direction
from ikeview.crypto.esp import EspMode
from ikeview.crypto.suites import EspSuite
from tests.net.esp_box import Box, pings
from tests.support.halves import half, tunnel
from tests.support.kernel import KernelHost, need_kernel
from tests.support.namespaces import Namespace, TwoHosts
from tests.support.requirements import need

pytestmark = pytest.mark.net

HERE, THERE = "10.99.7.1", "10.99.7.2"
INSIDE, INSIDE_THERE = "10.1.0.1", "10.2.0.1"
MODES = {
    "tunnel": ("10.1.0.0/24", "10.2.0.0/24", INSIDE_THERE),
    "transport": (f"{HERE}/32", f"{THERE}/32", THERE),
}
# The end in the namespace has the lower address, which decides its SPIs and keys.
SPI_IN, SPI_OUT, SEED_IN, SEED_OUT = 0x1001, 0x1000, 1, 0

# Takes ESP out of UDP (udp(7), UDP_ENCAP_ESPINUDP); a connection of its own ends it.
ENCAPSULATE = """
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 4500))
udp.setsockopt(socket.IPPROTO_UDP, 100, 2)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Namespace, KernelHost]]:
    """A namespace for ikeview, and a host whose kernel has ESP."""
    need_kernel()
    need(shutil.which("ping") is not None, "the program ping is not installed")
    with TwoHosts() as hosts:
        lines = (
            f"addr add {THERE}/24 dev vec0", "link add inner type dummy", "link set inner up",
            f"addr add {INSIDE_THERE}/24 dev inner", f"route add 10.1.0.0/24 via {HERE}",
        )
        folder: Path = tmp_path_factory.mktemp("kernel")
        with KernelHost(hosts.left, folder, ("10.98.7.1", "10.98.7.2"), lines) as host:
            hosts.left.ip(
                f"addr add {HERE}/24 dev {KernelHost.DEVICE}", "link add inner type veth peer name inner-end",
                "link set inner up", "link set inner-end up", f"addr add {INSIDE}/24 dev inner",
            )
            running = host.begin(sys.executable, "-c", ENCAPSULATE)
            yield hosts.left, host
            running.end()


def algorithms(suite: EspSuite, seed: int) -> str:
    """A suite and the keys of ``tests.support.halves`` in the words of ip-xfrm(8)."""
    keys = half(Direction.IN, SPI_IN, tunnel(), str(suite), seed).keys
    encryption = (keys.encryption.reveal() + keys.salt.reveal()).hex()
    key = f"0x{encryption}" if encryption else '""'
    if suite.cipher.aead:
        name = {EspMode.GCM: "rfc4106(gcm(aes))", EspMode.CCM: "rfc4309(ccm(aes))",
                EspMode.CHACHA: "rfc7539esp(chacha20,poly1305)"}[suite.cipher.mode]
        return f"aead {name} {key} {suite.cipher.icv_size * 8}"
    assert suite.integrity is not None
    name = {EspMode.CTR: "rfc3686(ctr(aes))", EspMode.NULL: "ecb(cipher_null)",
            EspMode.CBC: "cbc(des3_ede)" if suite.cipher.name == "3des" else "cbc(aes)"}[suite.cipher.mode]
    integrity = f"hmac({suite.integrity.hash_name})"
    return (
        f"enc {name} {key} auth-trunc {integrity} 0x{keys.integrity.reveal().hex()} {suite.integrity.icv_size * 8}"
    )


def state(suite: EspSuite, mode: str, *, outbound: bool, sent: int = 0) -> str:
    """One of the kernel's two SAs; ``sent``: the last sequence number that it has used."""
    source, destination, spi, seed = (
        (THERE, HERE, SPI_IN, SEED_IN) if outbound else (HERE, THERE, SPI_OUT, SEED_OUT)
    )
    replay = "replay-window 64" + (" flag esn" if suite.esn else "")
    if sent:
        replay += f" replay-oseq {sent % 2**32} replay-oseq-hi {sent // 2**32}"
    return (
        f"xfrm state add src {source} dst {destination} proto esp spi 0x{spi:08x} reqid 1 mode {mode} {replay}"
        f" {algorithms(suite, seed)} encap espinudp 4500 4500 0.0.0.0"
    )


def configure(host: KernelHost, suite: EspSuite, mode: str, sent: int = 0) -> None:
    """The kernel's SAs and policies; those of an earlier test go. ESP in UDP itself is let through."""
    local, remote, _ = MODES[mode]
    template = f"proto esp reqid 1 mode {mode}"
    lines = [
        "xfrm state flush", "xfrm policy flush",
        "xfrm policy add dir in proto udp dport 4500 priority 1",
        "xfrm policy add dir out proto udp sport 4500 priority 1",
        f"xfrm policy add src {remote} dst {local} dir out priority 9 tmpl src {THERE} dst {HERE} {template}",
        f"xfrm policy add src {local} dst {remote} dir in priority 9 tmpl src {HERE} dst {THERE} {template}",
        state(suite, mode, outbound=False), state(suite, mode, outbound=True, sent=sent),
    ]
    batch = host.folder / "xfrm"
    batch.write_text("\n".join(lines) + "\n")
    done = host.run("ip", "-batch", str(batch))
    assert not done.returncode, done.stdout


def statistics(host: KernelHost) -> dict[str, int]:
    """What the kernel's IPsec has dropped, by reason."""
    lines = host.run("cat", "/proc/net/xfrm_stat").stdout.splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines) if int(count)}


SUITES = [
    *((f"aes{bits}{word}", "tunnel") for bits, word in ((128, "gcm8"), (192, "gcm12"), (256, "gcm16"))),
    *((f"aes{bits}{word}-esn", "transport") for bits, word in ((256, "ccm8"), (128, "ccm12"), (192, "ccm16"))),
    ("aes256gcm16-esn", "tunnel"), ("aes128gcm8-esn", "transport"), ("aes128ccm16", "tunnel"),
    ("chacha20poly1305", "transport"), ("chacha20poly1305-esn", "tunnel"),
    ("aes128ctr-sha1", "tunnel"), ("aes192ctr-sha384-esn", "transport"), ("aes256ctr-sha256", "tunnel"),
    ("null-sha512", "transport"), ("null-md5-esn", "tunnel"),
    ("3des-md5", "transport"), ("3des-sha1-esn", "tunnel"),
    ("aes128-sha256_96", "tunnel"), ("aes192-sha384", "transport"), ("aes256-sha512-esn", "tunnel"),
    ("aes256-sha256", "transport"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "mode"), SUITES)
def test_the_kernel_understands_us_and_we_it(kernel: tuple[Namespace, KernelHost], words: str, mode: str) -> None:
    namespace, host = kernel
    suite = EspSuite.parse(words)
    local, remote, target = MODES[mode]
    configure(host, suite, mode)
    before = statistics(host)
    box = Box(namespace.name)
    try:
        box.start(HERE, THERE, words, f"transport {local}={remote}" if mode == "transport" else f"{local}={remote}")
        for order in ("protect", "install"):
            assert not box.order(order)["refused"]
        for size in ("0", "1", "56", "1300"):
            assert pings(box, target, "-s", size, count=2), size
        counts = box.order("count")
        # each ping and its answer, IP header and ICMP header
        octets = 2 * sum(28 + size for size in (0, 1, 56, 1300))
        assert (counts["in"], counts["out"]) == (octets, octets)
        assert not counts["drops"]
        assert statistics(host) == before
    finally:
        box.kill()


@pytest.mark.parametrize("words", ["aes128gcm16-esn", "aes256-sha256-esn"])
def test_the_kernels_numbers_go_on_where_the_low_half_begins_anew(
    kernel: tuple[Namespace, KernelHost], words: str
) -> None:
    """The kernel is told that it has sent more and more; our window goes along."""
    namespace, host = kernel
    suite = EspSuite.parse(words)
    local, remote, target = MODES["tunnel"]
    box = Box(namespace.name)
    try:
        box.start(HERE, THERE, words, f"{local}={remote}")
        for sent in (0, 2**31, 2**32 - 4, 2**32 + 2**31, 2**33 - 3):
            configure(host, suite, "tunnel", sent)
            if not sent:
                for order in ("protect", "install"):
                    box.order(order)
            assert pings(box, target, count=6), sent
        assert not box.order("count")["drops"]
    finally:
        box.kill()

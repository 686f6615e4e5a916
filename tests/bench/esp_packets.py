"""What a packet costs in userspace ESP: microseconds of CPU to seal and to open one, without sockets and device.

``python -m tests.bench.esp_packets [SUITE ...]``: the best of several rounds, for full packets and for small ones.
"""

import sys
import time
from collections.abc import Callable

from ikeview.core.outputs import Direction
from ikeview.dataplane.esp.database import Database
from tests.support.halves import HERE, THERE, half, mirrored, tunnel
from tests.support.packets import ipv4

SUITES = (
    "aes256gcm16", "aes256gcm16-esn", "aes128gcm8", "aes256ccm16", "chacha20poly1305", "aes128-sha256",
    "aes128-sha256-esn", "aes128ctr-sha256", "null-sha256", "3des-sha1",
)  # fmt: skip
SIZES = (1390, 64)
ROUNDS, PACKETS = 25, 2000


def _best(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best / PACKETS * 1e6


def measure(suite: str, size: int) -> tuple[float, float]:
    """Microseconds to seal and to open a packet of ``size`` octets."""
    spec = tunnel()
    packet = ipv4("10.1.0.1", "10.2.0.1", size - 20)
    sender = Database(lambda event: None)
    sender.protect(spec)
    sender.install(half(Direction.OUT, 0x1001, spec, suite))
    sealed: list[bytes] = []

    def seal() -> None:
        sealed.clear()
        for _ in range(PACKETS):
            made = sender.outbound(packet, 0.0)
            assert made is not None
            sealed.append(made[0])

    def open_all() -> None:
        # a window that has seen nothing takes the same packets again
        receiver = Database(lambda event: None)
        receiver.install(half(Direction.IN, 0x1001, mirrored(spec), suite, remote=HERE, local=THERE))
        for each in sealed:
            assert receiver.inbound(each, HERE, 0.0) == packet

    return _best(seal), _best(open_all)


def main(suites: list[str]) -> None:
    """Print a line for each suite."""
    print(f"{'µs a packet':24}" + "".join(f"{f'seal {size}':>12}{f'open {size}':>12}" for size in SIZES))
    for suite in suites or list(SUITES):
        print(f"{suite:24}" + "".join(f"{each:12.2f}" for size in SIZES for each in measure(suite, size)))


if __name__ == "__main__":
    main(sys.argv[1:])

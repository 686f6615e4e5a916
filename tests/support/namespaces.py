"""Network namespaces for tests: two hosts joined by a veth pair, made and removed by the test. Needs root.

Names hold the process id, so that two test runs do not meet.
"""

import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from tests.support.requirements import need

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def need_namespaces() -> None:
    """Skips unless network namespaces can be made."""
    need(os.geteuid() == 0, "network namespaces need root")
    need(shutil.which("ip") is not None, "ip (package iproute2) is not installed")
    need(os.path.exists("/dev/net/tun"), "/dev/net/tun is missing")


class Namespace:
    """One network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def command(self, *words: str) -> list[str]:
        """A command line that runs ``words`` in here."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run to the end; the caller looks at the status."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout)

    def ip(self, *lines: str) -> None:
        """Lines for ``ip -batch``; any that fails is an error."""
        _batch(("-n", self.name), lines)

    def inside(self, work: Callable[[], T]) -> T:
        """The result of ``work``, done by a thread that is in here: sockets it makes stay in here."""
        results: list[T] = []
        errors: list[BaseException] = []

        def visit() -> None:
            try:
                with open(f"/run/netns/{self.name}") as handle:
                    if _libc.setns(handle.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(work())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=visit)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def socket(self, *arguments: Any) -> socket.socket:
        """A socket in here; ``arguments`` as for ``socket.socket``."""
        return self.inside(lambda: socket.socket(*arguments))

    def counters(self, device: str) -> tuple[int, int]:
        """Octets and packets that the system has taken from the device and given to it: (received, transmitted)."""
        base = f"/sys/class/net/{device}/statistics"
        text = self.run("cat", f"{base}/rx_bytes", f"{base}/tx_bytes").stdout.split()
        return int(text[0]), int(text[1])

    def settings(self) -> str:
        """Rules, routes, addresses and links, as text to compare."""
        shown = []
        for words in (("-4", "rule"), ("-6", "rule"), ("-4", "route", "show", "table", "all"),
                      ("-6", "route", "show", "table", "all"), ("-o", "addr"), ("-br", "link")):
            shown.append(subprocess.run(["ip", "-n", self.name, *words], capture_output=True, text=True).stdout)
        return "\n".join(shown)


class TwoHosts:
    """``left`` and ``right``, joined by their ``eth0``. Addresses are the test's to give. A context manager."""

    def __init__(self) -> None:
        stem = f"ikv{os.getpid()}n{next(_numbers)}"
        self.left, self.right = Namespace(f"{stem}l"), Namespace(f"{stem}r")

    def __enter__(self) -> Self:
        try:
            _batch((), [f"netns add {host.name}" for host in (self.left, self.right)])
            for host in (self.left, self.right):
                host.ip("link set lo up")
            join(self.left, self.right, "eth0")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in (self.left, self.right):
            subprocess.run(["ip", "netns", "del", host.name], capture_output=True)


class ThreeHosts:
    """``left`` and ``right`` with a ``router`` between: each of the two has an ``eth0``, at whose other end the router
    has ``eth-left`` and ``eth-right``. Addresses and routes are the test's to give. A context manager."""

    def __init__(self) -> None:
        stem = f"ikv{os.getpid()}n{next(_numbers)}"
        self.left, self.router, self.right = (Namespace(f"{stem}{letter}") for letter in "lmr")

    def __enter__(self) -> Self:
        every = (self.left, self.router, self.right)
        try:
            _batch((), [f"netns add {host.name}" for host in every])
            for host in every:
                host.ip("link set lo up")
            for host, device in ((self.left, "eth-left"), (self.right, "eth-right")):
                _batch((), [f"link add eth0 netns {host.name} type veth peer name {device} netns {self.router.name}"])
                for end, name in ((host, "eth0"), (self.router, device)):
                    end.ip(f"link set {name} addrgenmode none", f"link set {name} up")
            done = self.router.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            if done.returncode:
                raise RuntimeError(f"sysctl: {done.stderr.strip()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in (self.left, self.router, self.right):
            subprocess.run(["ip", "netns", "del", host.name], capture_output=True)

    def filter(self, rules: str) -> None:
        """Rules of nft(8) for the router."""
        done = subprocess.run(
            self.router.command("nft", "-f", "-"), input=rules, capture_output=True, text=True, timeout=30
        )
        if done.returncode:
            raise RuntimeError(f"nft: {done.stderr.strip()}")


def join(one: Namespace, other: Namespace, device: str) -> None:
    """A veth pair between two namespaces, called ``device`` in both."""
    _batch((), [f"link add {device} netns {one.name} type veth peer name {device} netns {other.name}"])
    for host in (one, other):
        # no link-local address: it would still be on its way when a test looks at what is there
        host.ip(f"link set {device} addrgenmode none", f"link set {device} up")


def _batch(options: Sequence[str], lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr.strip()}")

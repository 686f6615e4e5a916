"""The ESP process as its parent sees it."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import ikeview
from ikeview.dataplane.esp.channel import Channel
from ikeview.dataplane.plane import PlaneRefused

_PATIENCE = 2.0
"""Seconds that the process has for its end after the control socket was closed."""
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONHOME", "VIRTUAL_ENV")
"""What the child gets to see; the configuration may name secrets in the environment."""
_LONGEST_COMPLAINT = 4096


class Process:
    """A running ESP process and our end of its control socket."""

    def __init__(self, device: int, kind: str, sockets: list[socket.socket]) -> None:
        """Starts it. Raises ``PlaneRefused``."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [udp.fileno() for udp in sockets]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = str(Path(ikeview.__file__).resolve().parent.parent)
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        try:
            with theirs:
                arguments = (str(theirs.fileno()), str(device), kind, ",".join(map(str, numbers)))
                self._child = subprocess.Popen(
                    # -P: modules are never taken from the current directory
                    [sys.executable, "-P", "-m", "ikeview.dataplane.esp", *arguments],
                    pass_fds=(theirs.fileno(), device, *numbers),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._complaints,
                    env=environment,
                    cwd="/",
                )
        except OSError as error:
            ours.close()
            self._complaints.close()
            raise PlaneRefused(f"the ESP process cannot be started: {error.strerror}") from error
        self.channel = Channel(ours)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def complaint(self) -> str:
        """The last line it wrote to its standard error; empty if there is none."""
        with contextlib.suppress(OSError, ValueError):
            size = self._complaints.seek(0, os.SEEK_END)
            self._complaints.seek(max(0, size - _LONGEST_COMPLAINT))
            lines = self._complaints.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def kill(self) -> None:
        """End it at once; ``end`` still has to be called."""
        self._child.kill()

    async def end(self) -> None:
        """Close the control socket, which ends it, and wait; a process that does not end is killed."""
        self.channel.close()
        if self._child.poll() is None:
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            watch = os.pidfd_open(self._child.pid)
            loop.add_reader(watch, ended.set)
            try:
                await asyncio.wait_for(ended.wait(), _PATIENCE)
            except TimeoutError:
                self._child.kill()
                await ended.wait()
            finally:
                loop.remove_reader(watch)
                os.close(watch)
            self._child.wait()
        self._complaints.close()

"""The ESP process: ``python -m ikeview.dataplane.esp CONTROL DEVICE KIND SOCKETS``, started by ``process``.

All four are numbers of inherited file descriptors but KIND, ``tun`` or ``pipe``; SOCKETS is a comma-separated list.
"""

import contextlib
import ctypes
import resource
import signal
import socket
import sys

from ikeview.core.inputs import PlaneTrouble
from ikeview.dataplane.esp.channel import Channel, Closed
from ikeview.dataplane.esp.forwarder import Forwarder
from ikeview.dataplane.esp.messages import write_answer

_PR_SET_DUMPABLE = 4


def _harden() -> None:
    """No keys in core files, and nobody but root may trace us; best effort."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main(arguments: list[str]) -> int:
    """The exit status: 0 after the parent closed its end, 1 after an error that the parent has been told."""
    # they reach the whole process group; this process ends when the engine's end of the control socket closes
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _harden()
    control, device, kind, sockets = arguments
    channel = Channel(socket.socket(fileno=int(control)))
    udp = [socket.socket(fileno=int(number)) for number in sockets.split(",") if number]
    try:
        Forwarder(channel, int(device), udp, device_may_end=kind == "pipe").run()
    except Exception as error:
        # the type and text of our own and the library's errors; neither holds keys
        with contextlib.suppress(Closed):
            channel.send(write_answer(PlaneTrouble(f"{type(error).__name__}: {error}", fatal=True)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

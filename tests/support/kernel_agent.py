"""Runs in a host of ``tests.support.kernel``: a connection brings a command (a line of JSON, its words) and gets its
exit status and output; if it is closed before that, the command is killed, with its children."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading


def _serve(link: socket.socket) -> None:
    with link, tempfile.TemporaryFile(dir="/run") as output:
        words = json.loads(link.makefile("rb").readline())
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        while child.poll() is None:
            readable, _, _ = select.select([link], [], [], 0.02)
            if readable and not link.recv(1):
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return
        output.seek(0)
        text = output.read().decode(errors="replace")
        with contextlib.suppress(OSError):
            link.sendall(json.dumps({"status": child.returncode, "output": text}).encode())


def main() -> None:
    """Serve for ever: this is the machine's first process."""
    with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listener:
        while True:
            link, _ = listener.accept()
            threading.Thread(target=_serve, args=(link,), daemon=True).start()


main()

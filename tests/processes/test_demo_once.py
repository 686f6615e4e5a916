"""``ikeview demo --once``: real engines, real UDP, real ESP, as a user without rights would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

_TOP = Path(__file__).parents[2]


def test_once_prints_both_ladders_passes_traffic_and_ends_well(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(_TOP), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "ikeview", "demo", "--once"], capture_output=True, text=True, timeout=60,
        env=environment, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    numbered = [line.split()[0] for line in lines if re.match(r"  \d ", line)]
    assert numbered == list("123456" + "123") + list("123" + "12" * 3 + "123")
    begun = [line.partition(" as ")[0] for line in lines if " as initiator, " in line or " as responder, " in line]
    assert begun == [
        "Main Mode", "Quick Mode", "Aggressive Mode", "XAUTH", "XAUTH", "Mode Config", "Quick Mode",
    ]
    assert "user:    the gateway knows us as hanako and gave us the address 10.8.0.1" in lines
    traffic = re.findall(r"traffic: (\d+) of \d+ echo requests from (\S+)", done.stdout)
    assert [source for _, source in traffic] == ["10.1.0.10", "10.8.0.1"]
    assert all(int(answered) >= 10 for answered, _ in traffic)
    assert re.search(r"rekey: .* rekeyed to [0-9a-f]{8} \(operator\)", done.stdout)
    assert "end:     tunnel is down, by the operator" in done.stdout

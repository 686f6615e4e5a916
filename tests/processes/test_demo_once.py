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
    assert numbered == ["1", "2", "3", "4", "5", "6", "1", "2", "3"]
    assert any(line.startswith("Main Mode as initiator") for line in lines)
    assert any(line.startswith("Quick Mode as initiator") for line in lines)
    traffic = re.search(r"traffic: (\d+) of \d+ echo requests", done.stdout)
    assert traffic
    assert int(traffic[1]) >= 10
    assert re.search(r"rekey: .* rekeyed to [0-9a-f]{8} \(operator\)", done.stdout)
    assert "end:     tunnel is down, by the operator" in done.stdout

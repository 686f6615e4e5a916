import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ikeview import __version__, cli
from ikeview.control.server import ControlServer
from ikeview.core import facts as f
from ikeview.core.orders import RekeyPhase2, RenewPhase1
from ikeview.engine.engine import Engine
from tests.unit.control.conftest import configured, failed, started
from tests.unit.engine.fakes import FakeEndpoint, make

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of the test's own."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("IKEVIEW_RUNTIME", str(folder))
    return folder


@pytest.fixture
def endpoint(runtime: Path) -> Iterator[FakeEndpoint]:
    """The endpoint of an engine that runs with that folder and has tokyo/lan and osaka/lan."""
    made = FakeEndpoint()
    made.at_start = configured("tokyo/lan", "osaka/lan")
    engine: Engine = make(made, services=(ControlServer(lambda: runtime),))
    engine.start()
    yield made
    assert engine.stop()


def program(*arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    """The program in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "ikeview", *arguments],
        capture_output=True, text=True, timeout=30, env=environment, check=False, **more,
    )


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["up", "tokyo/lan"], ["down", "--all"], ["rekey", "tokyo/lan"], ["events"], ["explain", "tokyo"]],
)
def test_without_an_engine_a_command_says_how_to_start_one(
    runtime: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"ikeview: no engine is running (socket {runtime}/control.sock): start one with `ikeview` or `ikeview run`\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["up"],
        ["up", "tokyo/lan", "--all"],
        ["up", "tokyo/lan", "--timeout", "soon"],
        ["up", "tokyo/lan", "--timeout", "-1"],
        ["up", "tokyo/lan", "--timeout", "nan"],
        ["rekey"],
        ["rekey", "tokyo/lan", "--phase", "3"],
        ["explain"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(arguments)
    assert exited.value.code == 2
    assert "usage: ikeview" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        cli.main(["--version"])
    assert exited.value.code == 0
    assert capsys.readouterr().out == f"ikeview {__version__}\n"


def test_options_stand_before_or_after_the_command() -> None:
    parse = cli._parser().parse_args
    for arguments in (["-c", "/x", "--plain", "check"], ["check", "-c", "/x", "--plain"]):
        assert (parse(arguments).config, parse(arguments).plain) == ("/x", True)
    assert (parse(["check"]).config, parse(["check"]).plain) == (None, False)


def test_status_as_a_table(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    head, titles, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith(f"ikeview {__version__}, pid {os.getpid()}, data plane fake, UDP ")
    assert head.endswith(": 0 of 2 tunnels up")
    assert titles.split() == ["TUNNEL", "STATE", "PHASE", "1", "REKEY", "EXPIRES", "IN", "OUT", "PEER"]
    assert [row.split()[:2] for row in rows] == [["tokyo/lan", "down"], ["osaka/lan", "down"]]
    assert rows[0].index("down") == rows[1].index("down") == titles.index("STATE")


def test_status_as_json(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["state"], each["cause"]) for each in status["tunnels"]] == [
        ("tokyo/lan", "down", None), ("osaka/lan", "down", None)
    ]


def test_up_that_succeeds(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint.answer = lambda event: [f.TunnelUp("tokyo/lan", 0.31)]
    assert cli.main(["up", "tokyo/lan"]) == 0
    assert capsys.readouterr().out == "tokyo/lan is up after 310 ms\n"
    assert "@" in endpoint.taken[0].by


def test_up_that_fails_prints_verdict_and_hints(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint.answer = lambda event: [started("x1", "tokyo"), failed("x1", "the peer says \x1b[31mno\nproposal")]
    assert cli.main(["up", "tokyo/lan"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "tokyo/lan: the peer says \ufffd[31mno proposal\n  allow aes256\n"


def test_up_that_is_not_there_in_time(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint.answer = lambda event: [started("x1", "tokyo"), f.RowSent("x1", 1, 300, ("SA",), ())]
    assert cli.main(["up", "tokyo/lan", "--timeout", "0.05"]) == 1
    assert "no answer from 192.0.2.1:500 to message 1 of Main Mode after 1 send" in capsys.readouterr().err


def test_a_name_that_is_not_configured(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["up", "tokyo/lam"]) == 1
    assert capsys.readouterr().err == "no tunnel or peer is called 'tokyo/lam', did you mean tokyo/lan?\n"


def test_down_of_all(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--all"]) == 0
    assert capsys.readouterr().out == "tokyo/lan is down\nosaka/lan is down\n"


@pytest.mark.parametrize(("phase", "kind"), [("1", RenewPhase1), ("2", RekeyPhase2)])
def test_rekey_of_a_phase(endpoint: FakeEndpoint, phase: str, kind: type) -> None:
    assert cli.main(["rekey", "tokyo/lan", "--phase", phase, "--timeout", "0"]) == 0
    endpoint.wait(lambda e: e.of(kind))


def test_events(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["events"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.match(r"\d\d:\d\d:\d\d ikeview \S+ started", lines[0])
    assert re.match(r"\d\d:\d\d:\d\d tokyo/lan: configured", lines[1])
    assert cli.main(["events", "--json"]) == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [1, 2, 3]


def test_explain(endpoint: FakeEndpoint, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "osaka/lan"]) == 0
    assert capsys.readouterr().out == "osaka/lan is down\nno failed negotiation is remembered\n"
    endpoint.answer = lambda event: [started("x1", "tokyo"), failed("x1", "the peer wants aes256")]
    cli.main(["up", "tokyo/lan"])
    capsys.readouterr()
    assert cli.main(["explain", "tokyo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tokyo/lan is down",
        "Main Mode with 192.0.2.1:500, as initiator, failed 0s ago after message 1 of 4: no common proposal",
        "the peer wants aes256",
        "offered:",
        "  3des",
        "expected:",
        "  aes256",
        "what to do:",
        "  allow aes256",
    ]


def test_check_shows_every_problem_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "peers").mkdir()
    (tmp_path / "ikeview.toml").write_text("[engine]\nprot = 500\n")
    (tmp_path / "peers" / "tokyo.toml").write_text('name = "tokyo"\nrole = "boss"\n')
    assert cli.main(["check", "-c", str(tmp_path)]) == 2
    err = capsys.readouterr().err.splitlines()
    assert any(line.startswith("ikeview.toml: engine.prot:") for line in err)
    assert any(line.startswith("peers/tokyo.toml: role:") for line in err)
    assert re.fullmatch(r"ikeview: \d+ problems in the configuration", err[-1])
    assert cli.main(["run", "-c", str(tmp_path)]) == 2
    (tmp_path / "peers" / "tokyo.toml").unlink()
    (tmp_path / "ikeview.toml").write_text("[engine]\nport = 500\n")
    assert cli.main(["check", "-c", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no problem found in {tmp_path}: 0 peers, 0 tunnels\n"


def test_the_screen_needs_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main([]) == 2
    assert "the screen needs a terminal" in capsys.readouterr().err
    monkeypatch.setattr(cli.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(cli.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert cli.main([]) == 2
    assert "TERM=dumb" in capsys.readouterr().err
    assert cli.main(["demo"]) == 2
    assert "`ikeview demo --once` needs none" in capsys.readouterr().err


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert cli.main(["status"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_is_one_line_and_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(arguments: object) -> int:
        raise ValueError("the secret is hunter2")

    monkeypatch.setattr(cli, "_run", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.main(["status"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "this is a defect of ikeview: ValueError at " in err
    (report,) = tmp_path.glob("ikeview-crash-*.txt")
    assert str(report) in err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "in broken" in report.read_text()
    assert "hunter2" not in err + report.read_text().replace('raise ValueError("the secret is hunter2")', "")


def test_a_reader_that_has_seen_enough_is_no_error(endpoint: FakeEndpoint) -> None:
    with open(os.devnull) as nothing:
        running = subprocess.Popen(
            [sys.executable, "-m", "ikeview", "events", "--follow"],
            stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert running.stdout is not None
    assert running.stderr is not None
    with running.stdout, running.stderr:
        assert "started" in running.stdout.readline()
        running.stdout.close()
        endpoint.answer = lambda event: [f.TunnelUp("tokyo/lan", 0.31)]
        assert cli.main(["up", "tokyo/lan"]) == 0
        assert running.wait(10) == 0
        assert running.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "status"), [(["status"], 0), (["status", "--json"], 0), (["events"], 0), (["rekey", "x"], 1)]
)
def test_a_command_imports_nothing_heavy(endpoint: FakeEndpoint, arguments: list[str], status: int) -> None:
    code = (
        "import sys; from ikeview.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'textual', 'pyroute2', 'pydantic', 'cryptography', 'asyncio'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=30, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )
    assert (done.returncode, "AssertionError" in done.stderr) == (status, False), done.stderr


def test_the_module_runs_as_a_program(runtime: Path) -> None:
    done = program("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no engine is running" in done.stderr
    done = program()
    assert (done.returncode, "needs a terminal" in done.stderr) == (2, True)



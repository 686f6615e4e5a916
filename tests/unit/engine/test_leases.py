import json
import os
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest

from ikeview.core import facts as f
from ikeview.core.orders import Initiate
from ikeview.core.outputs import SaveLeases
from ikeview.engine import leases as module
from ikeview.engine.leases import Leases
from tests.unit.engine.fakes import FakeEndpoint, FakePlane, Reader, engine_settings

ONE, OTHER = ip_address("10.9.0.1"), ip_address("fd09::1")
ODD = 'user:\ud800"\n\x1b[31m'


def saved(folder: Path, **peers: tuple) -> Leases:  # type: ignore[type-arg]
    file = Leases(folder)
    for peer, given in peers.items():
        file.save(peer, given)
    assert file.close(10)
    return file


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    saved(folder, tokyo=(("fqdn:a", ONE), (ODD, OTHER)), osaka=(("fqdn:b", ONE),))
    assert (folder / "leases.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in folder.iterdir()] == ["leases.json"]
    again = Leases(folder)
    assert again.load() == {"tokyo": (("fqdn:a", ONE), (ODD, OTHER)), "osaka": (("fqdn:b", ONE),)}
    # what is not saved anew stays, what is empty goes
    again.save("osaka", ())
    assert again.close(10)
    assert Leases(folder).load() == {"tokyo": (("fqdn:a", ONE), (ODD, OTHER))}


def test_the_first_start_finds_nothing_and_says_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    file = Leases(tmp_path)
    assert file.load() == {}
    file.told_by(told.append)
    assert file.close(1)
    assert told == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[" * 100_000, b"[]", b'{"format": 2, "peers": {}}', b'{"format": 1}',
        b'{"format": 1, "peers": {"tokyo": []}}', b'{"format": 1, "peers": {"tokyo": {"fqdn:a": 7}}}',
        b'{"format": 1, "peers": {"tokyo": {"fqdn:a": "10.0.0.256"}}}',
    ],
)
def test_a_broken_file_is_told_and_moved_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "leases.json").write_bytes(content)
    told: list[str] = []
    file = Leases(tmp_path)
    assert file.load() == {}
    file.told_by(told.append)
    [text] = told
    assert "is broken" in text
    assert "was moved to" in text
    assert (tmp_path / "leases.broken").read_bytes() == content
    file.save("tokyo", (("fqdn:a", ONE),))
    assert file.close(10)
    assert Leases(tmp_path).load() == {"tokyo": (("fqdn:a", ONE),)}


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 100)
    (tmp_path / "leases.json").write_bytes(b" " * 101)
    file = Leases(tmp_path)
    assert file.load() == {}
    assert (tmp_path / "leases.broken").exists()


def test_a_crash_while_writing_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, tokyo=(("fqdn:a", ONE),))

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    told: list[str] = []
    file = Leases(tmp_path)
    file.load()
    file.told_by(told.append)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        file.save("tokyo", ())
        assert file.close(10)
    assert told == [
        f"the leases cannot be written to {tmp_path}/leases.json: No space left on device; they end with this run"
    ]
    assert Leases(tmp_path).load() == {"tokyo": (("fqdn:a", ONE),)}


def test_a_slow_disk_holds_up_nobody_and_the_newest_state_is_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, writes = threading.Event(), threading.Event(), []
    write = module._write

    def slow(path: Path, given: module.Given) -> None:
        begun.set()
        assert go_on.wait(10)
        writes.append(given)
        write(path, given)

    monkeypatch.setattr(module, "_write", slow)
    file = Leases(tmp_path)
    file.save("tokyo", (("fqdn:a", ONE),))
    assert begun.wait(10)
    for number in range(2, 100):
        file.save("tokyo", (("fqdn:a", ip_address(f"10.9.0.{number}")),))
    go_on.set()
    assert file.close(10)
    assert len(writes) == 2
    assert json.loads((tmp_path / "leases.json").read_text())["peers"] == {"tokyo": {"fqdn:a": "10.9.0.99"}}


def test_the_engine_saves_what_the_endpoint_says_and_tells_what_was_wrong(tmp_path: Path) -> None:
    from ikeview.engine.engine import Engine

    (tmp_path / "leases.json").write_text("nothing of ours")
    file = Leases(tmp_path)
    endpoint = FakeEndpoint(
        lambda event: [SaveLeases("tokyo", (("fqdn:a", ONE),))] if isinstance(event, Initiate) else []
    )
    plane = FakePlane()

    def make_endpoint(chosen: object) -> FakeEndpoint:
        file.load()
        return endpoint

    engine = Engine(engine_settings(), lambda: (plane, "for the test"), make_endpoint, leases=file)
    reader = Reader(engine.bus)
    engine.start()
    assert "is broken" in reader.until(f.EngineProblem).text
    engine.send(Initiate("tokyo/lan"))
    endpoint.wait(lambda e: e.of(Initiate))
    assert engine.stop()
    assert Leases(tmp_path).load() == {"tokyo": (("fqdn:a", ONE),)}

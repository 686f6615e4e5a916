import asyncio
import threading

import pytest

from ikeview.core import facts as f
from ikeview.core.inputs import PasswordVerified
from ikeview.core.outputs import VerifyPassword
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.engine import passwords as module
from ikeview.engine.passwords import AT_ONCE, Passwords
from ikeview.engine.threads import in_thread
from tests.unit.engine.fakes import FakeEndpoint, Reader, make
from tests.unit.engine.test_engine import Running

RIGHT, WRONG = Secret(b"open sesame"), Secret(b"open barley")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikeview.crypto.passwords._LOG_N", 4)


def stored() -> PasswordHash:
    return PasswordHash.of(RIGHT, b"salt of the test")


async def test_right_wrong_and_unknown() -> None:
    passwords = Passwords()

    async def verify(hashed: PasswordHash | None, password: Secret) -> PasswordVerified:
        return await passwords.verify(VerifyPassword("x7", "tokyo", hashed, password))

    assert await verify(stored(), RIGHT) == PasswordVerified("x7", "tokyo", True)
    assert await verify(stored(), WRONG) == PasswordVerified("x7", "tokyo", False)
    assert await verify(None, RIGHT) == PasswordVerified("x7", "tokyo", False)


async def test_an_unknown_user_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[int, int, int]] = []
    fits = PasswordHash.fits

    def counting(self: PasswordHash, password: Secret) -> bool:
        looked.append((self.log_n, self.r, self.p))
        return fits(self, password)

    monkeypatch.setattr(PasswordHash, "fits", counting)
    passwords = Passwords()
    await passwords.verify(VerifyPassword("x1", "tokyo", None, RIGHT))
    await passwords.verify(VerifyPassword("x2", "tokyo", stored(), RIGHT))
    assert len(looked) == 2
    assert looked[0] == looked[1]
    # nor can anybody be nobody
    assert passwords._nobody is not None
    assert not fits(passwords._nobody, Secret(b""))


async def test_only_a_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, running, most = threading.Lock(), 0, 0
    full, go_on = threading.Event(), threading.Event()

    def hold(self: PasswordHash, password: Secret) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == AT_ONCE:
                full.set()
        assert go_on.wait(10)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(PasswordHash, "fits", hold)
    passwords = Passwords()
    hashed = stored()
    tasks = [
        asyncio.create_task(passwords.verify(VerifyPassword(f"x{n}", "tokyo", hashed, RIGHT))) for n in range(20)
    ]
    # the loop is free all the while
    assert await in_thread(lambda: full.wait(10), "the test")
    go_on.set()
    assert all(answer.right for answer in await asyncio.gather(*tasks))
    assert most == AT_ONCE


def test_the_engine_answers_even_if_looking_fails(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = FakeEndpoint()
    endpoint.at_start = [
        VerifyPassword("x1", "tokyo", stored(), RIGHT), VerifyPassword("x2", "tokyo", stored(), WRONG)
    ]
    engine = make(endpoint)
    reader = Reader(engine.bus)
    running(engine)
    endpoint.wait(lambda e: len(e.of(PasswordVerified)) == 2)
    assert {(each.ident, each.right) for each in endpoint.of(PasswordVerified)} == {("x1", True), ("x2", False)}

    async def fail(self: Passwords, request: VerifyPassword) -> PasswordVerified:
        raise MemoryError(request.password.reveal())

    monkeypatch.setattr(module.Passwords, "verify", fail)
    engine._loop.call_soon_threadsafe(  # type: ignore[union-attr]
        engine._pump._carry_out, VerifyPassword("x3", "tokyo", stored(), RIGHT)  # type: ignore[union-attr]
    )
    endpoint.wait(lambda e: len(e.of(PasswordVerified)) == 3)
    assert endpoint.of(PasswordVerified)[2] == PasswordVerified("x3", "tokyo", False)
    assert "MemoryError" in reader.until(f.EngineFault).text
    assert "sesame" not in repr(reader.seen)

"""Whether a user's password is right: slow on purpose, so in threads, a few at once."""

import asyncio
import os

from ikeview.core.inputs import PasswordVerified
from ikeview.core.outputs import VerifyPassword
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.engine.threads import in_thread

AT_ONCE = 4
"""Each takes some 50 ms of a core and 16 MB; who logs in when many do waits its turn."""


class Passwords:
    """Answers ``VerifyPassword`` on the running loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody: PasswordHash | None = None

    async def verify(self, request: VerifyPassword) -> PasswordVerified:
        """An unknown user takes as long as a known one, so that nobody learns which names there are."""
        async with self._turns:
            # made at the first look, whoever that is for
            nobody = await self._nobodys()
            stored = request.stored or nobody
            fits = await in_thread(lambda: stored.fits(request.password), "ikeview-password")
        return PasswordVerified(request.ident, request.peer, fits and request.stored is not None)

    async def _nobodys(self) -> PasswordHash:
        if self._nobody is None:
            password, salt = Secret(os.urandom(32)), os.urandom(16)
            self._nobody = await in_thread(lambda: PasswordHash.of(password, salt), "ikeview-password")
        return self._nobody

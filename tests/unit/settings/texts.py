"""Texts of peer files, put together from parts."""

TUNNEL = 'name = "lan"\nlocal = "10.1.0.0/24"\nremote = "10.2.0.0/24"\nproposals = ["aes256gcm16-modp2048"]\n'
AUTH = 'secret_file = "../secrets/tokyo.psk"\n'
USERS = '[xauth]\nrole = "server"\nusers_file = "../secrets/users"\n'
ALICE = '[xauth]\nrole = "client"\nuser = "alice"\npassword_file = "../secrets/alice"\n'
POOL = '[config]\nrole = "server"\npool = "10.3.0.0/24"\n'
ASKS = '[config]\nrole = "client"\n'


def peer(
    top: str = "",
    *,
    remote: str = "203.0.113.9",
    auth: str = AUTH,
    more: str = "",
    phase1: str = 'proposals = ["aes256-sha256-modp2048"]',
    tunnel: str = TUNNEL,
) -> str:
    """A peer's file."""
    return f'{top}remote = "{remote}"\n[auth]\n{auth}[phase1]\n{phase1}\n{more}[[tunnel]]\n{tunnel}'


def selectors(local: str, remote: str, more: str = "") -> str:
    """A tunnel with these ends."""
    return TUNNEL.replace("10.1.0.0/24", local).replace("10.2.0.0/24", remote) + more

"""A peer of its own for each combination of mode, method, NAT, mode config and algorithms, on three hosts: the left
one, the right one, and the router between them that translates addresses.

What a cell is stands here once; ``connection`` says it to strongSwan for either side, ``peer_file`` to ikeview for the
left one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.net.gateway import PeerFile, TunnelFile
from tests.net.papers import Papers
from tests.net.strongswan import SECRET, Child, Connection
from tests.support.namespaces import ThreeHosts

LEFT, RIGHT = 1, 2
USER, PASSWORD = "ann", "correct horse battery staple"


@dataclass(frozen=True)
class Cell:
    """One combination. ``nat`` says which side is behind the router: ``none``, ``left`` or ``right``; ``config``
    whether the initiator gets its address by mode config: ``none``, ``pull`` or ``push``."""

    number: int
    mode: str = "main"
    method: str = "psk"
    nat: str = "none"
    initiator: int = LEFT
    config: str = "none"
    phase1: str = "aes256-sha256-modp2048"
    esp: str = "aes256gcm16"

    @property
    def name(self) -> str:
        return f"cell{self.number}"

    @property
    def tunnel(self) -> str:
        return f"{self.name}/lan"

    def __str__(self) -> str:
        first = "ikeview" if self.initiator == LEFT else "strongswan"
        return "_".join([
            f"{self.number:02}", self.mode, self.method, f"nat.{self.nat}", f"{first}.first", f"config.{self.config}",
            self.phase1, self.esp,
        ])

    # -- addresses

    def gateway(self, side: int) -> str:
        """The outer address of a side, as it knows it itself."""
        return f"10.{97 + side}.{self.number}.{side}"

    def seen(self, side: int) -> str:
        """The outer address by which the other side knows it."""
        translated = self.nat == {LEFT: "left", RIGHT: "right"}[side]
        return f"10.{95 + side}.{self.number}.{side}" if translated else self.gateway(side)

    def host(self, side: int) -> str:
        """An address inside the protected network; with mode config, the initiator has the first one of the pool."""
        return self.assigned if self.assigned_to(side) else f"10.{100 + self.number}.{side}.1"

    def network(self, side: int) -> str:
        """The protected network."""
        return f"{self.assigned}/32" if self.assigned_to(side) else f"10.{100 + self.number}.{side}.0/24"

    @property
    def pool(self) -> str:
        """Addresses for the initiator: one."""
        return f"10.{100 + self.number}.3.8/32"

    @property
    def assigned(self) -> str:
        """The address it gets."""
        return self.pool.partition("/")[0]

    def assigned_to(self, side: int) -> bool:
        """Whether a side gets its inner address by mode config."""
        return self.config != "none" and side == self.initiator

    # -- who it is

    @property
    def xauth(self) -> bool:
        """Whether the initiator has to prove a user."""
        return self.method in ("xauth-psk", "xauth-rsa", "hybrid")

    @property
    def user(self) -> str:
        """Whose password it is."""
        return f"{USER}{self.number}"

    @property
    def has_secret(self) -> bool:
        """Whether there is a pre-shared key."""
        return self.method in ("psk", "xauth-psk")

    @property
    def kind(self) -> str:
        """The kind of key in its certificates."""
        return self.method if self.method.startswith("ecdsa") else "rsa"

    def has_papers(self, side: int) -> bool:
        """Whether a side has a certificate."""
        return not self.has_secret and not (self.method == "hybrid" and side == self.initiator)

    def ident(self, side: int) -> str:
        """What a side calls itself: with a certificate its subject, or a name in it."""
        name = {LEFT: "left", RIGHT: "right"}[side]
        if not self.has_papers(side):
            return f"{name}.{self.name}.test"
        return f"{name}-{self.kind}.test" if self.method.startswith("ecdsa") else f"C=CH, O=ike, CN={name} {self.kind}"

    # -- for strongSwan

    def connection(self, side: int) -> Connection:
        """The peer as strongSwan has it, on the side given."""
        other = LEFT + RIGHT - side
        first = side == self.initiator
        # chosen by itself, two of them may be the same in strongSwan 5.9.8, and traffic goes astray
        child = Child(
            f"{self.name}-lan", self._selector(side), self._selector(other), self.esp, (f"reqid = {self.number}",)
        )
        more = ["fragmentation = yes"]
        if self.mode == "aggressive":
            more.append("aggressive = yes")
        if self.config != "none":
            more.append("pull = " + ("yes" if self.config == "pull" else "no"))
            if first:
                more.append("vips = 0.0.0.0")
        return Connection(
            self.name, self.gateway(side), self.seen(other), self.phase1, [child],
            self.ident(side), self.ident(other), SECRET if self.has_secret else "", tuple(more),
            self._rounds(side, own=True), self._rounds(other, own=False),
            ((self.user, PASSWORD),) if self.xauth else (),
            (f"addrs = {self.pool}",) if self.config != "none" and not first else (),
        )

    def _selector(self, side: int) -> str:
        return "dynamic" if self.assigned_to(side) else self.network(side)

    def _rounds(self, side: int, *, own: bool) -> tuple[tuple[str, ...], ...]:
        rounds: list[tuple[str, ...]] = []
        if self.has_papers(side):
            name = {LEFT: "left", RIGHT: "right"}[side]
            rounds.append(("auth = pubkey", *([f"certs = {name}-{self.kind}.pem"] if own else [])))
        elif self.method != "hybrid":
            rounds.append(("auth = psk",))
        if self.xauth and side == self.initiator:
            rounds.append(("auth = xauth", *([f"xauth_id = {self.user}"] if own else [])))
        return tuple(rounds)

    # -- for ikeview, on the left

    def peer_file(self) -> PeerFile:
        """The peer as ikeview has it."""
        first = self.initiator == LEFT
        auth = [f'method = "{"ecdsa" if self.method.startswith("ecdsa") else self.method}"']
        if self.has_papers(LEFT):
            auth += [f'cert_file = "../certs/left-{self.kind}.pem"', f'key_file = "../secrets/left-{self.kind}.key"']
        if self.has_papers(RIGHT):
            auth.append('ca_files = ["../certs/ca.pem"]')
        if self.mode == "aggressive" and self.has_secret and not first:
            auth.append("aggressive_psk = true")
        tables = []
        if self.xauth and first:
            tables.append(f'[xauth]\nrole = "client"\nuser = "{self.user}"\npassword_file = "../secrets/password"')
        elif self.xauth:
            tables.append('[xauth]\nrole = "server"\nusers_file = "../secrets/users"')
        if self.config != "none":
            role = '"client"' if first else f'"server"\npool = "{self.pool}"'
            tables.append(f'[config]\nrole = {role}\nmethod = "{self.config}"')
        dynamic = {side: "dynamic" if self.assigned_to(side) else self.network(side) for side in (LEFT, RIGHT)}
        return PeerFile(
            self.name, self.gateway(LEFT), self.seen(RIGHT), (self.phase1,),
            [TunnelFile("lan", dynamic[LEFT], dynamic[RIGHT], (self.esp,))], SECRET if self.has_secret else "",
            more=(
                f'mode = "{self.mode}"', f'local_id = "{self._typed(LEFT)}"', f'remote_id = "{self._typed(RIGHT)}"',
            ),
            tables=tuple(tables), auth=tuple(auth),
        )

    def _typed(self, side: int) -> str:
        ident = self.ident(side)
        return f"dn:{ident}" if "=" in ident else f"fqdn:{ident}"


def ikeview_files(papers: Papers, users: Iterable[str]) -> dict[str, bytes]:
    """What stands beside the peers' files: certificates and keys of the left side, the password, and the users."""
    stored = PasswordHash.of(Secret(PASSWORD.encode()), bytes(16)).text()
    files = {
        "certs/ca.pem": papers.authority, "secrets/password": PASSWORD.encode(),
        "secrets/users": "".join(f"{user}:{stored}\n" for user in users).encode(),
    }
    for kind in papers.KINDS:
        paper = papers.of("left", kind)
        files |= {f"certs/left-{kind}.pem": paper.pem, f"secrets/left-{kind}.key": paper.key_pem}
    return files


def strongswan_files(papers: Papers, side: int) -> dict[str, bytes]:
    """The authority's certificate, and the certificates and keys of a side, for strongSwan's folder."""
    name = {LEFT: "left", RIGHT: "right"}[side]
    files = {"x509ca/ca.pem": papers.authority}
    for kind in papers.KINDS:
        paper = papers.of(name, kind)
        files |= {f"x509/{name}-{kind}.pem": paper.pem, f"private/{name}-{kind}.pem": paper.key_pem}
    return files


def lay_out(hosts: ThreeHosts, cells: Iterable[Cell]) -> None:
    """Addresses and routes of all cells, and the router's translations: the source of what an initiator sends, with
    ports of the router's choice; where the responder is behind it, its address is translated both ways."""
    every = list(cells)
    for side, host, device in ((LEFT, hosts.left, "eth-left"), (RIGHT, hosts.right, "eth-right")):
        host.ip(
            *(f"addr add {cell.gateway(side)}/32 dev eth0" for cell in every),
            *(f"addr add {cell.host(side)}/32 dev lo" for cell in every if not cell.assigned_to(side)),
            f"addr add 192.168.{side}.1/24 dev eth0", f"route add default via 192.168.{side}.254",
        )
        hosts.router.ip(
            f"addr add 192.168.{side}.254/24 dev {device}", f"route add 10.{97 + side}.0.0/16 via 192.168.{side}.1"
        )
    source, ports, target = [], [], []
    for cell in every:
        for side, name in ((LEFT, "left"), (RIGHT, "right")):
            if cell.nat == name:
                source.append(f"{cell.gateway(side)} : {cell.seen(side)}")
                if cell.initiator == side:
                    ports.append(cell.gateway(side))
                else:
                    target.append(f"{cell.seen(side)} : {cell.gateway(side)}")

    def elements(values: list[str]) -> str:
        return f"elements = {{ {', '.join(values)} }}" if values else ""

    hosts.filter(f"""
        table ip nat {{
            map source {{ type ipv4_addr : ipv4_addr; {elements(source)}
            }}
            map target {{ type ipv4_addr : ipv4_addr; {elements(target)}
            }}
            set ports {{ type ipv4_addr; {elements(ports)}
            }}
            chain before {{
                type nat hook prerouting priority -100;
                dnat to ip daddr map @target
            }}
            chain after {{
                type nat hook postrouting priority 100;
                ip saddr @ports ip protocol udp snat to ip saddr map @source : 20000-40000 random
                snat to ip saddr map @source
            }}
        }}
    """)

"""A scripted day of a gateway as facts with fixed times: tunnels up, rekeying, negotiating, failed, dead, by hand."""

from dataclasses import dataclass, field

from ikeview.core import facts as f
from ikeview.core.facts import Cause, Fact, Sample, Stamped

BOOT = 1000.0
WALL = 1_790_000_000.0
"""UTC of ``BOOT``."""

MAIN = (
    "> HDR, SA",
    "< HDR, SA",
    "> HDR, KE, Ni",
    "< HDR, KE, Nr",
    "> HDR*, IDii, HASH_I",
    "< HDR*, IDir, HASH_R",
)
QUICK = (
    "> HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]",
    "< HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]",
    "> HDR*, HASH(3)",
)
MAIN_PAYLOADS = (
    ("SA", "VID", "VID", "VID", "VID"),
    ("SA", "VID", "VID"),
    ("KE", "NONCE", "NAT-D", "NAT-D"),
    ("KE", "NONCE", "NAT-D", "NAT-D"),
    ("ID", "HASH"),
    ("ID", "HASH"),
)
QUICK_PAYLOADS = (("HASH", "SA", "NONCE", "KE", "ID", "ID"), ("HASH", "SA", "NONCE", "KE", "ID", "ID"), ("HASH",))
MAIN_SIZES = (284, 156, 396, 396, 108, 92)
QUICK_SIZES = (460, 460, 76)
SUITE1 = "aes256-sha256-modp2048"
SUITE2 = "aes256gcm16-modp2048"


@dataclass
class Story:
    """Facts in order; ``at`` is the clock."""

    at: float = BOOT
    facts: list[Stamped] = field(default_factory=list)

    def tell(self, *facts: Fact, after: float = 0.0) -> None:
        """``after`` seconds later."""
        self.at += after
        for fact in facts:
            self.facts.append(Stamped(len(self.facts) + 1, self.at, WALL + self.at - BOOT, fact))

    def boot(self) -> None:
        self.tell(
            f.EngineStarted(
                "0.1", 812, "esp", "userspace ESP over a TUN device", ("0.0.0.0",), 500, 4500, "/etc/ikeview"
            )
        )

    def peer(self, name: str, remote: str, *, keepalive: str = "dpd every 10s, dead after 30s, then restart") -> None:
        self.tell(
            f.PeerConfigured(
                name, remote, "main", "both", "psk", "", "", (SUITE1, "aes128-sha1-modp1024"), 28800.0, keepalive
            )
        )

    def tunnel(self, name: str, remote: str, *, start: str = "boot", lifebytes: int = 0) -> None:
        self.tell(
            f.TunnelConfigured(
                name,
                name.partition("/")[0],
                "tunnel",
                "10.1.0.0/24",
                remote,
                (SUITE2, "aes256-sha256"),
                3600.0,
                lifebytes,
                540.0,
                start,
                "block",
            )
        )

    def exchange(
        self, name: str, peer: str, remote: str, *, tunnel: str = "", why: str = "initiate", rows: int = 9
    ) -> None:
        """Our Main or Quick Mode, its first ``rows`` messages."""
        quick = bool(tunnel)
        kind, plan = ("Quick Mode", QUICK) if quick else ("Main Mode", MAIN)
        payloads, sizes = (QUICK_PAYLOADS, QUICK_SIZES) if quick else (MAIN_PAYLOADS, MAIN_SIZES)
        self.tell(
            f.ExchangeStarted(
                name,
                peer,
                tunnel,
                kind,
                "initiator",
                "192.0.2.1:500",
                f"{remote}:500",
                "3f9ac1d2e0b47715:91bc0713aa02fe88",
                "9d41c07a" if quick else "00000000",
                1,
                why,
                plan,
            )
        )
        for number, (names, size) in enumerate(zip(payloads[:rows], sizes, strict=False), 1):
            if number % 2:
                notes = ("4 proposals",) if number == 1 and not quick else ()
                self.tell(f.RowSent(name, number, size, names, notes), after=0.002)
            else:
                notes = {2: (f"chose {SUITE1}",), 4: ("no NAT",)}.get(number, ()) if not quick else (f"chose {SUITE2}",)
                self.tell(f.RowTaken(name, number, size, 0.031, names, notes), after=0.031)

    def phase1(self, peer: str, remote: str, *, renews_in: float = 25200.0, exchange: str = "", nat: str = "") -> None:
        exchange = exchange or f"{peer}-mm"
        self.exchange(exchange, peer, remote)
        self.tell(
            f.ExchangeFinished(exchange, 0.1, f"{SUITE1}, 28800 s"),
            f.Phase1Established(
                peer,
                "3f9ac1d2e0b47715:91bc0713aa02fe88",
                exchange,
                "initiator",
                "main",
                "192.0.2.1:500",
                f"{remote}:500" if ":" not in remote else f"[{remote}]:500",
                "192.0.2.1",
                remote,
                SUITE1,
                "psk",
                28800.0,
                renews_in,
                nat,
                ("RFC 3947", "DPD", "strongSwan"),
                "",
            ),
        )

    def sa(
        self,
        tunnel: str,
        spis: tuple[str, str],
        remote: str,
        *,
        exchange: str = "",
        lifebytes: int = 0,
        generation: int = 1,
        replaces: str = "",
        why: str = "initiate",
    ) -> None:
        peer = tunnel.partition("/")[0]
        exchange = exchange or f"{tunnel}-qm{generation}"
        self.exchange(exchange, peer, remote, tunnel=tunnel, why=why)
        self.tell(
            f.ExchangeFinished(exchange, 0.066, f"{SUITE2}, 3600 s"),
            f.SaInstalled(
                tunnel,
                *spis,
                exchange,
                "initiator",
                SUITE2,
                "tunnel",
                "192.0.2.1:4500",
                f"{remote}:4500",
                True,
                "10.1.0.0/24",
                "10.2.0.0/24",
                3600.0,
                2980.0,
                lifebytes,
                lifebytes * 9 // 10,
                generation,
                replaces,
            ),
        )

    def up(self, tunnel: str, spis: tuple[str, str], remote: str, *, lifebytes: int = 0) -> None:
        self.tell(f.TunnelWanted(tunnel, "boot"), f.TunnelTrying(tunnel, 1))
        self.sa(tunnel, spis, remote, lifebytes=lifebytes)
        self.tell(f.TunnelUp(tunnel, 0.2))

    def probes(self, peer: str, count: int) -> None:
        for number in range(count):
            self.tell(f.ProbeSent(peer, 7000 + number))
            self.tell(f.ProbeAnswered(peer, 7000 + number, 0.007 + 0.001 * (number * 7 % 5), 10.0))


def gateway() -> Story:
    """All states at once; ends 42 minutes after the start, a negotiation with sapporo under way."""
    story = Story()
    story.boot()
    for name, remote in (
        ("tokyo", "203.0.113.21"),
        ("nagoya", "198.51.100.9"),
        ("sapporo", "198.51.100.77"),
        ("sendai", "192.0.2.66"),
        ("naha", "2001:db8:7::1"),
        ("osaka", "203.0.113.7"),
    ):
        story.peer(name, remote)
    story.peer("lab", "10.9.0.2", keepalive="off")
    story.tunnel("tokyo/lan", "10.2.0.0/24", lifebytes=4_000_000_000)
    story.tunnel("tokyo/dmz", "10.3.0.0/24")
    story.tunnel("nagoya/lan", "10.30.0.0/16")
    story.tunnel("sapporo/lan", "10.40.0.0/16")
    story.tunnel("sendai/lan", "10.50.0.0/16")
    story.tunnel("naha/lan", "10.60.0.0/16")
    story.tunnel("osaka/lan", "10.70.0.0/16")
    story.tunnel("lab/lan", "172.16.9.0/24", start="traffic")

    story.phase1("tokyo", "203.0.113.21", nat="the peer is behind NAT")
    story.up("tokyo/lan", ("c3a7e891", "5d10f2aa"), "203.0.113.21", lifebytes=4_000_000_000)
    story.up("tokyo/dmz", ("0a11bc20", "77d1c0de"), "203.0.113.21")
    story.phase1("nagoya", "198.51.100.9")
    story.up("nagoya/lan", ("9be0d211", "11c0ffee"), "198.51.100.9")
    story.phase1("naha", "2001:db8:7::1")
    story.up("naha/lan", ("1be0d211", "21c0ffee"), "2001:db8:7::1")
    story.phase1("osaka", "203.0.113.7")
    story.up("osaka/lan", ("3be0d211", "31c0ffee"), "203.0.113.7")
    story.at = BOOT + 2300
    story.tell(
        f.ProbeMissed("naha", 71, 1, 20.0),
        f.ProbeMissed("naha", 72, 2, 10.0),
        f.PeerSilent("naha", 31.0),
        f.SaDeleted("naha/lan", "1be0d211", "us", Cause.PEER_SILENT),
        f.Phase1Deleted("naha", "3f9ac1d2e0b47715:91bc0713aa02fe88", Cause.PEER_SILENT),
        f.TunnelDown("naha/lan", Cause.PEER_SILENT, "no sign of life for 31 s"),
        f.TunnelRetrying("naha/lan", 300.0, 2),
    )
    story.tell(
        f.OrderTaken("terminate", "osaka/lan", "admin@pts/2", "ikeview down osaka/lan"),
        f.SaDeleted("osaka/lan", "3be0d211", "us", Cause.OPERATOR),
        f.TunnelDown("osaka/lan", Cause.OPERATOR, ""),
        f.Phase1Deleted("osaka", "3f9ac1d2e0b47715:91bc0713aa02fe88", Cause.OPERATOR),
        after=10,
    )
    story.tell(f.TunnelWanted("sendai/lan", "boot"), f.TunnelTrying("sendai/lan", 3), after=40)
    story.exchange("sendai-mm", "sendai", "192.0.2.66", rows=5)
    story.tell(f.RowResent("sendai-mm", 5, 5, 5, 0.0, 108), after=30)
    story.tell(
        f.ExchangeFailed(
            "sendai-mm",
            5,
            31.0,
            Cause.WRONG_SECRET,
            "192.0.2.66 does not answer message 5, the first encrypted one: most likely the pre-shared keys differ.",
            ("Compare the secret of both ends.", "The peer may not know our identity 192.0.2.1."),
            ("id 192.0.2.1 (IPV4_ADDR)",),
            (),
        ),
        f.TunnelDown("sendai/lan", Cause.WRONG_SECRET, "no answer to message 5 of Main Mode"),
        f.TunnelRetrying("sendai/lan", 300.0, 4),
    )
    story.at = BOOT + 2500
    story.probes("tokyo", 12)
    story.tell(f.ProbeAnswered("nagoya", 44, 0.0004, 10.0))
    story.tell(f.SaRekeying("nagoya/lan", "9be0d211", "time"))
    story.exchange("nagoya-qm2", "nagoya", "198.51.100.9", tunnel="nagoya/lan", why="rekey: time", rows=1)
    story.tell(f.TunnelWanted("sapporo/lan", "operator"), f.TunnelTrying("sapporo/lan", 1))
    story.exchange("sapporo-mm", "sapporo", "198.51.100.77", rows=3)
    story.tell(f.RowResent("sapporo-mm", 3, 1, 5, 4.0, 396), after=2)
    story.tell(f.RowResent("sapporo-mm", 3, 2, 5, 8.0, 396), after=4)
    story.tell(
        f.CountersSampled(
            (
                Sample("c3a7e891", 2_790_000_000, 2_100_000, 310_000_000, 640_000),
                Sample("0a11bc20", 88_000, 1_000, 0, 0),
                Sample("9be0d211", 1_200_000, 3_200, 900_000, 2_900),
            )
        ),
        after=1,
    )
    story.tell(
        f.CountersSampled((Sample("c3a7e891", 2_791_240_000, 2_101_000, 310_300_000, 640_500),)),
        after=1,
    )
    return story


DAY = 86400.0
AGGRESSIVE = ("> HDR, SA, KE, Ni, IDii", "< HDR, SA, KE, Nr, IDir, HASH_R", "> HDR*, HASH_I")
TRANSACTION = ("> HDR*, HASH, ATTR", "< HDR*, HASH, ATTR")
WEAK_GROUP = "modp1024 can be broken by a well-equipped attacker (RFC 8247)"
BRUNO = f.CertificateTaken(
    "road#2", "road2-mm", "CN=bruno, O=Example", "CN=Example CA", "4d2", ("bruno@example.net",), "ECDSA 256",
    WALL - DAY, WALL + 20 * DAY, ("CN=Example CA",), "checked",
)


def roadwarriors(story: Story) -> None:
    """Two peers connected under one configuration, one in Aggressive Mode with a secret, one with a certificate; both
    have a user and an address of the pool."""
    off = "icmp to 10.1.0.1 every 10s, dead after 30s, then clear"
    suites = (SUITE1, "aes128-sha1-modp1024")
    story.tell(
        f.PeerConfigured(
            "road", "any", "aggressive", "responder", "xauth-psk", "fqdn:gw.example", "user:*@example.net", suites,
            28800.0, off, (WEAK_GROUP,),
        )
    )
    story.tunnel("road/lan", "0.0.0.0/32", start="manual")
    for number, user, remote, address in (
        (1, "anna", "198.51.100.31", "10.9.0.5"),
        (2, "bruno", "2001:db8::32", "10.9.0.6"),
    ):
        peer, exchange = f"road#{number}", f"road{number}-mm"
        spot = f"[{remote}]:4500" if ":" in remote else f"{remote}:4500"
        mode = "aggressive" if number == 1 else "main"
        auth = "xauth-psk" if number == 1 else "xauth-rsa"
        story.tell(
            f.PeerConfigured(peer, remote, mode, "responder", auth, "", "", suites, 28800.0, off, (), "road"),
            f.TunnelConfigured(
                f"{peer}/lan", peer, "tunnel", "10.1.0.0/24", f"{address}/32", (SUITE2,), 3600.0, 0, 540.0, "manual",
                "block",
            ),
            f.ExchangeStarted(
                exchange, peer, "", f"{mode.capitalize()} Mode", "responder", "192.0.2.1:500", spot,
                f"{number}f9ac1d2e0b47715:91bc0713aa02fe88", "00000000", 1, "peer", AGGRESSIVE if number == 1 else MAIN,
            ),
        )
        if number == 1:
            story.tell(f.RowTaken(exchange, 1, 412, 0.0, ("SA", "KE", "NONCE", "ID", "VID", "VID"), ()))
            answer = ("SA", "KE", "NONCE", "ID", "HASH", "NAT-D", "NAT-D")
            story.tell(f.RowSent(exchange, 2, 440, answer, ()), after=0.002)
            story.tell(f.RowTaken(exchange, 3, 140, 0.04, ("HASH", "NAT-D", "NAT-D"), ()), after=0.04)
        else:
            story.tell(BRUNO)
        story.tell(
            f.ExchangeFinished(exchange, 0.1, f"{SUITE1}, 28800 s"),
            f.Phase1Established(
                peer, f"{number}f9ac1d2e0b47715:91bc0713aa02fe88", exchange, "responder", mode, "192.0.2.1:4500", spot,
                "fqdn:gw.example", f"user:{user}@example.net", SUITE1, auth, 28800.0, 27000.0, "the peer is behind NAT",
                ("XAUTH", "Cisco Unity"), "",
            ),
            f.ExchangeStarted(
                f"road{number}-x", peer, "", "XAUTH", "initiator", "192.0.2.1:4500", spot,
                f"{number}f9ac1d2e0b47715:91bc0713aa02fe88", "7d41c07a", 1, "initiate", TRANSACTION,
            ),
            f.RowSent(f"road{number}-x", 1, 76, ("HASH", "ATTR"), ("asks for user and password",)),
        )
        story.tell(f.RowTaken(f"road{number}-x", 2, 108, 0.9, ("HASH", "ATTR"), (f"user {user}",)), after=0.9)
        story.tell(
            f.ExchangeFinished(f"road{number}-x", 0.9, f"user {user}"),
            f.UserAuthenticated(peer, user, True),
            f.ConfigAssigned(
                peer, True, address, "255.255.255.255", ("10.1.0.53",), "example.net", "", ("10.1.0.0/24",), ()
            ),
            f.TunnelWanted(f"{peer}/lan", "peer"),
        )
        story.sa(f"{peer}/lan", (f"a{number}0000aa", f"b{number}0000bb"), remote)
        story.tell(f.TunnelUp(f"{peer}/lan", 1.1), f.ProbeSent(peer, 1, "icmp"))
        story.tell(f.ProbeAnswered(peer, 1, 0.021, 10.0, "icmp"), after=0.021)


NOW = BOOT + 2509.0


def every_text(text: str) -> Story:
    """A story in which ``text`` stands in every field that a peer or a configuration can fill."""
    story = Story()
    plan = (f"> {text}", f"< {text}", f"> {text}")
    ends = (text,) * 5
    story.tell(
        f.EngineStarted(text, 1, text, text, (text,), 500, 4500, text),
        f.PeerConfigured(text, text, text, text, text, text, text, (text,), 28800.0, text),
        f.TunnelConfigured(f"{text}/a", text, text, text, text, (text,), 3600.0, 1000, 60.0, text, text),
        f.TunnelConfigured(f"{text}/b", text, text, text, text, (text,), 3600.0, 0, 60.0, text, text),
        f.TunnelWanted(f"{text}/a", text),
        f.TunnelTrying(f"{text}/a", 1),
        f.ExchangeStarted("m", text, "", text, text, text, text, text, text, 2, text, plan),
        f.RowSent("m", 1, 10, (text, text), (text,)),
        f.RowTaken("m", 2, 10, 0.1, (text,), (text,)),
        f.NotifyTaken(text, "m", text, False),
        f.NotifySent(text, text, text),
        f.MessageDropped(text, text, 10, f.DropReason.MALFORMED, text, "m"),
        f.NatFound(text, "m", True, True, True),
        f.PeerMoved(text, text, text),
        f.ExchangeFinished("m", 0.1, text),
        f.Phase1Established(
            text, text, "m", text, text, text, text, text, text, text, text, 28800.0, 100.0, text, (text,), text
        ),
        f.SaInstalled(
            f"{text}/a", text, text, "m", *ends, True, text, text, 3600.0, 60.0, 1000, 900, 1, text
        ),
        f.TunnelUp(f"{text}/a", 0.1),
        f.SaRekeying(f"{text}/a", text, text),
        f.SaReplaced(f"{text}/a", text, text, text, 0.1, 1.0),
        f.SaDeleted(f"{text}/b", text, text, Cause.PEER_DELETED),
        f.OrderTaken(text, text, text, text),
        f.OrderRefused(text, text, text),
        f.PlaneProblem(text, text),
        f.EngineFault(text, text),
        f.EngineProblem(text),
        f.ExchangeStarted("n", text, f"{text}/b", text, text, text, text, text, text, 1, text, plan),
        f.RowSent("n", 1, 10, (text,), (text,)),
        f.ExchangeFailed("n", 1, 1.0, Cause.REFUSED, text, (text,), (text,), (text,)),
        f.TunnelDown(f"{text}/b", Cause.REFUSED, text),
        f.PeerConfigured(
            f"{text}#1", text, "aggressive", text, "xauth-psk", text, text, (text,), 28800.0, text, (text,), text
        ),
        f.TunnelConfigured(f"{text}#1/a", f"{text}#1", text, text, text, (text,), 3600.0, 0, 60.0, text, text),
        f.CertificateTaken(text, "m", text, text, text, (text, text), text, 0.0, 4e9, (text,), text),
        f.UserAuthenticated(text, text, True),
        f.UserRefused(f"{text}#1", text, True, text),
        f.ConfigAssigned(text, False, text, text, (text,), text, text, (text,), (text,)),
        f.ConfigReleased(f"{text}#1", False, text),
        f.NameResolved(text, text, text, 60.0, True),
        f.NameUnresolved(text, text, text, text),
        f.LifetimeNotified(text, text, 60.0, 1000),
        f.TrafficStalled(f"{text}/a", 60.0, text),
        f.ProbeSent(text, 1, "icmp"),
        f.ProbeAnswered(text, 1, 0.1, 10.0, "icmp"),
        f.PeerConfigured(f"{text}#2", text, text, text, text, text, text, (text,), 28800.0, text, (), text),
        f.PeerRemoved(f"{text}#2"),
    )
    return story

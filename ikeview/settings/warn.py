"""What loads and is still weak: a sentence each, with the reason."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ikeview.core.specs import PeerSpec
from ikeview.crypto.certificates import BadCertificate, Certificate
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.settings.problems import printable

SECRET_LEAST = 16
"""Octets of a pre-shared key that nobody guesses, if they are of chance."""
_NOTICE = 30 * 86400.0


def warnings(peer: PeerSpec, wall: float) -> tuple[str, ...]:
    """What should be mended about ``peer``, printable; ``wall`` is UTC seconds since 1970."""
    return tuple(map(printable, _warnings(peer, wall)))


def _warnings(peer: PeerSpec, wall: float) -> Iterator[str]:
    yield from _of_suites("phase1.proposals", peer.proposals)
    yield from _of_suites("tunnel proposals", [suite for tunnel in peer.tunnels for suite in tunnel.proposals])
    if peer.auth_method.shared_secret and peer.mode == "aggressive":
        if peer.aggressive_psk:
            yield (
                "auth.aggressive_psk: whoever asks is told in clear who we are, and gets a hash to try keys on without "
                "asking again: only a long random key withstands that"
            )
        else:
            yield (
                "mode: Aggressive Mode with a pre-shared key sends both identities in clear, and a hash to try keys on "
                "to whoever answers in the peer's place: only a long random key withstands that"
            )
            if peer.role == "both":
                yield (
                    "role: both, but Aggressive Mode with a pre-shared key is not answered without "
                    "auth.aggressive_psk = true: the peer cannot call us"
                )
    elif peer.mode == "aggressive":
        yield "mode: Aggressive Mode sends both identities in clear, Main Mode does not"
    if peer.secret is not None and len(peer.secret) < SECRET_LEAST:
        yield (
            f"auth: the pre-shared key is shorter than {SECRET_LEAST} octets: whoever answers in the peer's place can "
            "try keys until one fits"
        )
    yield from _of_certificates(peer, wall)
    yield from _of_addresses(peer)


def _of_suites(where: str, suites: "list[EspSuite] | tuple[Phase1Suite, ...]") -> Iterator[str]:
    """One sentence for each reason, however many suites have it."""
    reasons: dict[str, list[str]] = {}
    for suite in suites:
        for reason in suite.weak:
            named = reasons.setdefault(reason, [])
            if str(suite) not in named:
                named.append(str(suite))
    for reason, named in reasons.items():
        yield f"{where} {', '.join(named)}: {reason}"


def _of_certificates(peer: PeerSpec, wall: float) -> Iterator[str]:
    kinds: list[tuple[str, Certificate]] = [("auth.cert_file", each) for each in peer.certificates]
    if peer.trust is not None:
        kinds += [("auth.ca_files", each) for each in peer.trust.authorities]
        if peer.trust.pinned is not None:
            kinds.append(("auth.remote_cert_file", peer.trust.pinned))
    for key, certificate in kinds:
        begins, ends = certificate.validity
        name = str(certificate)
        if wall > ends:
            yield f"{key}: the certificate of {name} has ended on {_day(ends)} and will be refused"
        elif wall < begins:
            yield f"{key}: the certificate of {name} is valid only from {_day(begins)}: is the clock right?"
        elif ends - wall < _NOTICE:
            yield f"{key}: the certificate of {name} ends on {_day(ends)}, in {(ends - wall) / 86400:.0f} days"


        if key == "auth.ca_files" and not certificate.is_authority:
            yield f"{key}: the certificate of {name} does not call itself an authority's"
        weak = _weak_key(certificate)
        if weak:
            yield f"{key}: {weak} ({name})"


def _weak_key(certificate: Certificate) -> str:
    try:
        return certificate.public_key.weak
    except BadCertificate:
        # an authority may have a key of a kind that signs certificates but not in phase 1
        return ""


def _of_addresses(peer: PeerSpec) -> Iterator[str]:
    config = peer.config
    if config is not None and config.server and not any(tunnel.remote_dynamic for tunnel in peer.tunnels):
        yield 'config: no tunnel has remote = "dynamic", so nothing carries the traffic of the addresses we give'
    if config is not None and not config.server and not any(tunnel.local_dynamic for tunnel in peer.tunnels):
        yield 'config: no tunnel has local = "dynamic", so nothing uses the address that we are given'
    for tunnel in peer.tunnels:
        there = peer.remote_address
        if tunnel.mode != "transport" or there is None or tunnel.remote_dynamic:
            continue
        if there not in tunnel.remote.network:
            yield (
                f"tunnel {tunnel.name}: transport mode to {tunnel.remote.network.network_address}, which is not the "
                f"peer's address {there}: right only if the peer is behind NAT"
            )


def _day(wall: float) -> str:
    try:
        return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "a day that no calendar has"

"""Every fact as one plain line, its importance, and whom it is about: the same words for log, events and screen."""

from collections.abc import Callable
from typing import Literal

from ikeview.core import facts as f
from ikeview.record.units import day, duration, latency, size
from ikeview.ui.safe import safe

Level = Literal["debug", "info", "notice", "alert"]
LEVELS: tuple[Level, ...] = ("debug", "info", "notice", "alert")

ExchangeName = Callable[[str], str]
"""From an exchange's id to what a reader calls it, e.g. ``Main Mode``."""

SENTENCE_LIMIT = 400


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(words)


def _remarks(notes: tuple[str, ...]) -> str:
    return f"; {_list(notes)}" if notes else ""


def _started(x: f.ExchangeStarted) -> str:
    # that an initiator initiates, and a responder is asked by the peer, goes without saying
    why = "" if x.why in ("initiate", "peer") else f", {x.why}"
    attempt = f", attempt {x.attempt}" if x.attempt > 1 else ""
    return f"{x.kind} began as {x.role} with {x.remote}{why}{attempt}"


def _down(x: f.TunnelDown) -> str:
    detail = f": {x.detail}" if x.detail and x.detail != x.cause else ""
    return f"tunnel is down, {x.cause}{detail}"


def _nat(x: f.NatFound) -> str:
    sides = " and ".join(side for side, behind in (("we are", x.here), ("the peer is", x.there)) if behind)
    text = f"{sides} behind NAT" if sides else "no NAT on the way"
    return f"{text}; ESP in UDP asked for" if x.forced else text


def _phase1(x: f.Phase1Established) -> str:
    renewed = ", renewed" if x.replaces else ""
    return f"phase 1 established{renewed}: {x.suite}, {x.remote_id} at {x.remote}, for {duration(x.lifetime)}"


def _installed(x: f.SaInstalled) -> str:
    limits = [f"for {duration(x.lifetime)}"] if x.lifetime else []
    limits += [f"for {size(x.lifebytes)}"] if x.lifebytes else []
    limit = f", {' or '.join(limits)}" if limits else ""
    return f"SA installed: in {x.spi_in}, out {x.spi_out}, {x.suite}{limit}"


def _dropped(x: f.MessageDropped) -> str:
    detail = f" ({x.detail})" if x.detail else ""
    octets = "1 octet" if x.size == 1 else f"{x.size} octets"
    if not x.remote:
        return f"dropped {x.count} more {'datagram' if x.count == 1 else 'datagrams'}, {octets}: {x.reason}{detail}"
    return f"dropped {octets} from {x.remote}: {x.reason}{detail}"


def _resent(x: f.RowResent, name: str) -> str:
    following = f", next in {duration(x.next_in)}" if x.next_in else ""
    pieces = f" in {x.fragments} fragments" if x.fragments else ""
    return f"message {x.row} of {name} sent again{pieces}, {x.count} of {x.limit}{following}"


def _peer(x: f.PeerConfigured) -> str:
    whose = f"connected under {x.member_of}" if x.member_of else "configured"
    warned = f"; take care: {'; '.join(x.warnings)}" if x.warnings else ""
    return f"{whose}: {x.remote}, {x.mode} mode, {x.auth}, {_list(x.proposals)}, keepalive {x.keepalive}{warned}"


def _certificate(x: f.CertificateTaken) -> str:
    revocation = "not revoked" if x.revocation == "checked" else f"revocation {x.revocation}"
    until = f"valid from {day(x.not_before)} to {day(x.not_after)}"
    return f"certificate of {x.subject} is good: issued by {x.issuer}, {x.key}, {until}, {revocation}"


def _assigned(x: f.ConfigAssigned) -> str:
    parts = [f"mode config gave {'the peer' if x.server else 'us'} {x.address}"]
    parts += [f"DNS {_list(x.dns)}"] if x.dns else []
    parts += [f"domain {x.domain}"] if x.domain else []
    parts += [f"networks {_list(x.split_include)}"] if x.split_include else []
    parts += [f"not used: {_list(x.ignored)}"] if x.ignored else []
    return ", ".join(parts) + (f"; it says: {x.banner}" if x.banner else "")


def _resolved(x: f.NameResolved) -> str:
    verb = "is now" if x.changed else "is"
    return f"{x.name} {verb} {x.address}" + (f", looked up again in {duration(x.ttl)}" if x.ttl else "")


def _lifetime(x: f.LifetimeNotified) -> str:
    limits = [f"after {duration(x.seconds)}"] if x.seconds else []
    limits += [f"after {size(x.octets)}"] if x.octets else []
    return f"the peer ends SA {x.about} earlier than we: {' or '.join(limits) or 'it does not say when'}"


def _probe(method: str, sequence: int) -> str:
    return f"echo request {sequence}" if method == "icmp" else f"keepalive {sequence}"


def _of_exchange(fact: f.Fact, name: ExchangeName) -> str | None:
    match fact:
        case f.ExchangeStarted() as x:
            return _started(x)
        case f.RowSent() as x:
            body = f"{_list(x.payloads)}, {x.size} octets{_remarks(x.notes)}"
            return f"message {x.row} of {name(x.exchange)} sent: {body}"
        case f.RowResent() as x:
            return _resent(x, name(x.exchange))
        case f.RowTaken() as x:
            body = f"{_list(x.payloads)}, {x.size} octets after {latency(x.waited)}"
            return f"message {x.row} of {name(x.exchange)} taken: {body}{_remarks(x.notes)}"
        case f.ExchangeFinished() as x:
            return f"{name(x.exchange)} finished in {latency(x.took)}: {x.outcome}"
        case f.ExchangeFailed() as x:
            where = f" after message {x.row}" if x.row else ""
            return f"{name(x.exchange)} failed{where}, {x.cause}: {x.verdict}"
    return None


def _of_tunnel(fact: f.Fact) -> str | None:
    match fact:
        case f.TunnelConfigured() as x:
            return f"configured: {x.local} to {x.remote}, {_list(x.proposals)}, for {duration(x.lifetime)}"
        case f.TunnelWanted() as x:
            return f"tunnel is wanted ({x.why})"
        case f.TunnelTrying() as x:
            return f"tunnel is being brought up, attempt {x.attempt}"
        case f.TunnelUp() as x:
            return f"tunnel is up after {latency(x.took)}"
        case f.TunnelDown() as x:
            return _down(x)
        case f.TunnelRetrying() as x:
            return f"next attempt ({x.attempt}) in {duration(x.after)}"
        case f.SaInstalled() as x:
            return _installed(x)
        case f.SaRekeying() as x:
            return f"SA {x.spi_in} is being rekeyed ({x.why})"
        case f.SaReplaced() as x:
            drains = f"the old one drains for {duration(x.overlap)}"
            return f"SA {x.old} rekeyed to {x.new} ({x.why}) in {latency(x.took)}; {drains}"
        case f.TrafficStalled() as x:
            return f"IKE answers, but none of its ESP has come in for {duration(x.seconds)} while we sent: {x.action}"
        case f.SaDeleted() as x:
            return f"SA {x.spi_in} deleted by {x.by} ({x.cause})"
    return None


def _of_peer(fact: f.Fact) -> str | None:
    match fact:
        case f.PeerConfigured() as x:
            return _peer(x)
        case f.PeerRemoved() as x:
            return "the peer is gone, and its tunnels with it"
        case f.CertificateTaken() as x:
            return _certificate(x)
        case f.UserAuthenticated() as x:
            return f"user {x.user} is authenticated" if x.server else f"the peer takes us as user {x.user}"
        case f.UserRefused() as x:
            whose = f"user {x.user} was refused" if x.server else f"the peer refused us as user {x.user}"
            return f"{whose}: {x.why}"
        case f.ConfigAssigned() as x:
            return _assigned(x)
        case f.ConfigReleased() as x:
            return f"address {x.address} of the peer is free" if x.server else f"our address {x.address} is given up"
        case f.NameResolved() as x:
            return _resolved(x)
        case f.NameUnresolved() as x:
            return f"{x.name} could not be looked up: {x.why}" + (f"; {x.kept} is used on" if x.kept else "")
        case f.LifetimeNotified() as x:
            return _lifetime(x)
        case f.NotifyTaken() as x:
            return f"the peer says {x.notify}" + ("" if x.authenticated else " (not authenticated)")
        case f.NotifySent() as x:
            return f"told {x.remote}: {x.notify}"
        case f.MessageDropped() as x:
            return _dropped(x)
        case f.NatFound() as x:
            return _nat(x)
        case f.PeerMoved() as x:
            return f"the peer moved from {x.old} to {x.new}"
        case f.Phase1Established() as x:
            return _phase1(x)
        case f.Phase1Deleted() as x:
            return f"phase 1 {x.cookies} deleted ({x.cause})"
        case f.ProbeSent() as x:
            return f"{_probe(x.method, x.sequence)} sent"
        case f.ProbeAnswered() as x:
            return f"{_probe(x.method, x.sequence)} answered after {latency(x.rtt)}"
        case f.ProbeMissed() as x:
            dead = f"dead in {duration(x.dead_in)}"
            return f"{_probe(x.method, x.sequence)} not answered, {x.missed} in a row; {dead}"
        case f.ProbeTaken() as x:
            return f"the peer's keepalive {x.sequence} answered"
        case f.PeerSilent() as x:
            return f"the peer is held for dead after {duration(x.silence)} of silence"
    return None


def _of_engine(fact: f.Fact) -> str | None:
    match fact:
        case f.EngineStarted() as x:
            ports = f"UDP {x.port} and {x.nat_port}"
            return f"ikeview {x.version} started: pid {x.pid}, data plane {x.plane} ({x.why}), {ports}"
        case f.EngineStopped():
            return "engine stopped"
        case f.OrderTaken() as x:
            return f"{x.by or 'somebody'} ordered: {x.command or f'{x.order} {x.target}'}"
        case f.OrderRefused() as x:
            return f"{x.order} refused: {x.why}"
        case f.CountersSampled() as x:
            return f"counters of {len(x.samples)} SA pairs"
        case f.PlaneProblem() as x:
            return f"data plane: {x.text}"
        case f.EngineProblem() as x:
            return f"problem: {x.text}"
        case f.EngineFault() as x:
            return f"fault in the engine while {x.where}: {x.text}"
        case f.EngineStalled() as x:
            return f"the engine stood still for {latency(x.seconds)}"
    return None


def sentence(fact: f.Fact, exchange_name: ExchangeName | None = None) -> str:
    """The fact in one line, safe for a terminal. Without ``exchange_name`` an exchange is called by its id."""
    text = (
        _of_exchange(fact, exchange_name or (lambda exchange: f"exchange {exchange}"))
        or _of_tunnel(fact)
        or _of_peer(fact)
        or _of_engine(fact)
        or type(fact).__name__
    )
    return safe(text, SENTENCE_LIMIT)


_DEBUG = (
    f.PeerConfigured,
    f.TunnelConfigured,
    f.RowSent,
    f.RowTaken,
    f.CountersSampled,
    f.ProbeSent,
    f.ProbeAnswered,
    f.ProbeTaken,
)
_NOTICE = (
    f.EngineStarted,
    f.EngineStopped,
    f.TunnelUp,
    f.OrderTaken,
    f.NotifyTaken,
    f.PeerMoved,
    f.ProbeMissed,
    f.Phase1Established,
    f.UserAuthenticated,
    f.ConfigAssigned,
    f.NameUnresolved,
    f.NameResolved,
    f.LifetimeNotified,
)
_ALERT = (
    f.ExchangeFailed,
    f.PeerSilent,
    f.PlaneProblem,
    f.EngineStalled,
    f.EngineFault,
    f.EngineProblem,
    f.OrderRefused,
    f.UserRefused,
    f.TrafficStalled,
)
_CALM = (f.Cause.OPERATOR, f.Cause.SHUTDOWN, f.Cause.REPLACED)


def level(fact: f.Fact) -> Level:
    """How much it matters: ``alert`` wants somebody to look, ``debug`` is for those who look closely."""
    if isinstance(fact, f.PeerConfigured) and fact.warnings:
        return "notice"
    if isinstance(fact, f.NameResolved) and not fact.changed:
        return "debug"
    if isinstance(fact, _DEBUG) or (isinstance(fact, f.MessageDropped) and fact.reason is f.DropReason.DUPLICATE):
        return "debug"
    if isinstance(fact, f.TunnelDown):
        return "notice" if fact.cause in _CALM else "alert"
    if isinstance(fact, _ALERT):
        return "alert"
    return "notice" if isinstance(fact, _NOTICE) else "info"


def subject(fact: f.Fact) -> str:
    """The tunnel or else the peer that it is about, safe for a terminal; empty if neither."""
    for name in ("tunnel", "peer", "target"):
        value = getattr(fact, name, "")
        if value:
            return safe(value, 80)
    return ""

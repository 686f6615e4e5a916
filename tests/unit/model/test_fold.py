"""Facts make the state, whole and always the same."""

import json

import pytest

from ikeview.core import facts as f
from ikeview.core.facts import Cause, DropReason, Stamped, stamped_from_dict, stamped_to_dict
from ikeview.model import BadState, State, apply, clone, dump, load
from ikeview.model.negotiations import exchanges_of, latest_exchange, latest_failure, waits_for
from ikeview.model.state import EVENTS_KEPT, EXCHANGES_KEPT, ROUTINE_KEPT
from tests.support.story import BOOT, NOW, WALL, Story, every_text, gateway, roadwarriors


def road() -> tuple[State, Story]:
    story = Story()
    story.boot()
    roadwarriors(story)
    return folded(story.facts), story


def told(state: State, *facts: f.Fact, at: float = NOW) -> State:
    for fact in facts:
        apply(state, Stamped(9000, at, 0.0, fact))
    return state


def folded(facts: list[Stamped]) -> State:
    state = State()
    for stamped in facts:
        apply(state, stamped)
    return state


@pytest.fixture(scope="module")
def day() -> State:
    return folded(gateway().facts)


def test_replaying_a_journal_gives_the_same_state(day):
    journal = [json.dumps(stamped_to_dict(each)) for each in gateway().facts]
    assert folded([stamped_from_dict(json.loads(line)) for line in journal]) == day


def test_a_state_goes_to_another_process_and_back(day):
    assert load(json.loads(json.dumps(dump(day)))) == day


def test_a_state_with_hostile_text_goes_there_too():
    state = folded(every_text("\x1b]52;c;AAAA\x07\u202e\n[/x]").facts)
    assert load(json.loads(json.dumps(dump(state)))) == state


def test_a_clone_shares_nothing_that_changes(day):
    copy = clone(day)
    before = dump(day)
    apply(copy, Stamped(9999, NOW, 0.0, f.TunnelDown("tokyo/lan", Cause.OPERATOR, "")))
    copy.tunnels["tokyo/lan"].sas[0].bytes_in = 1
    copy.peers["tokyo"].keepalive.history.clear()
    copy.exchanges["sapporo-mm"].rows.clear()
    assert dump(day) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.pop("tunnels"), "state: wants a State"),
        (lambda data: data.update(more=1), "state: wants a State"),
        (lambda data: data["tunnels"]["tokyo/lan"].update(attempt="1"), "state.tunnels.tokyo/lan.attempt: wants int"),
        (lambda data: data["tunnels"]["tokyo/lan"].update(wanted=1), "state.tunnels.tokyo/lan.wanted: wants bool"),
        (lambda data: data.update(peers=[]), "state.peers: wants a mapping"),
        (lambda data: data["events"].append({"fact": "Nothing"}), "state.events"),
        (lambda data: data["events"].append(7), "state.events"),
        (lambda data: data["engine"].update(listen="x"), "state.engine.listen: wants a list"),
        (lambda data: data["engine"].update(why="x" * 100_001), "state.engine.why: longer than"),
        (lambda data: data.update(events=[0] * 100_001), "state.events: wants a list of at most"),
    ],
)
def test_a_broken_state_is_refused_with_its_place(day, change, words):
    data = json.loads(json.dumps(dump(day)))
    change(data)
    with pytest.raises(BadState, match=words.replace(".", r"\.")):
        load(data)


@pytest.mark.parametrize("data", [None, [], "x", 7, {}])
def test_no_state_at_all(data):
    with pytest.raises(BadState):
        load(data)


def test_states_of_the_tunnels(day):
    assert {name: tunnel.state for name, tunnel in day.tunnels.items()} == {
        "tokyo/lan": "up",
        "tokyo/dmz": "up",
        "nagoya/lan": "rekeying",
        "sapporo/lan": "trying",
        "sendai/lan": "down",
        "naha/lan": "down",
        "osaka/lan": "down",
        "lab/lan": "down",
    }


def test_times_are_absolute(day):
    sa = day.tunnels["tokyo/lan"].sa
    assert sa.expires_at == sa.installed_at + 3600
    assert sa.rekeys_at == sa.installed_at + 2980
    assert day.peers["tokyo"].phase1.expires_at == day.peers["tokyo"].phase1.established_at + 28800


def test_counters_and_rates(day):
    sa = day.tunnels["tokyo/lan"].sa
    assert (sa.bytes_in, sa.packets_out) == (2_791_240_000, 640_500)
    assert (sa.rate_in, sa.rate_out) == (1_240_000.0, 300_000.0)
    quiet = day.tunnels["tokyo/dmz"].sa
    assert quiet.last_out_at == 0.0
    assert quiet.last_in_at == sa.last_in_at - 1


def test_keepalive(day):
    alive = day.peers["tokyo"].keepalive
    assert (alive.sent, alive.answered, alive.missed, len(alive.history)) == (12, 12, 0, 12)
    assert alive.next_at == alive.answered_at + 10
    dead = day.peers["naha"].keepalive
    assert (dead.missed, dead.missed_ever, dead.dead, dead.history) == (2, 2, True, [-1.0, -1.0])


def test_a_failed_tunnel_keeps_its_cause(day):
    tunnel = day.tunnels["sendai/lan"]
    assert (tunnel.cause, tunnel.attempt) == ("authentication failed", 4)
    assert tunnel.retry_at > tunnel.since_at
    assert latest_failure(day, "sendai/lan").hints[0] == "Compare the secret of both ends."


def test_a_tunnel_that_comes_up_forgets_why_it_was_down(day):
    state = clone(day)
    apply(state, Stamped(9000, NOW, 0.0, f.TunnelUp("sendai/lan", 0.2)))
    tunnel = state.tunnels["sendai/lan"]
    assert (tunnel.state, tunnel.cause, tunnel.detail, tunnel.retry_at) == ("up", "", "", 0.0)


def rekeyed() -> Story:
    story = Story()
    story.boot()
    story.phase1("tokyo", "203.0.113.21")
    story.up("tokyo/lan", ("aaaa0001", "bbbb0001"), "203.0.113.21")
    story.tell(f.SaRekeying("tokyo/lan", "aaaa0001", "time"), after=100)
    story.sa(
        "tokyo/lan", ("aaaa0002", "bbbb0002"), "203.0.113.21", generation=2, replaces="aaaa0001", why="rekey: time"
    )
    story.tell(f.SaReplaced("tokyo/lan", "aaaa0001", "aaaa0002", "time", 0.06, 5.0))
    return story


def test_a_rekey_keeps_the_tunnel_up_and_drains_the_old_pair():
    story = rekeyed()
    state = folded(story.facts)
    tunnel = state.tunnels["tokyo/lan"]
    assert (tunnel.state, tunnel.rekeys, [sa.replaced for sa in tunnel.sas]) == ("up", 1, [True, False])
    assert tunnel.sas[0].draining_until == story.at + 5
    story.tell(f.SaDeleted("tokyo/lan", "aaaa0001", "us", Cause.REPLACED))
    apply(state, story.facts[-1])
    assert [sa.spi_in for sa in tunnel.sas] == ["aaaa0002"]
    assert state.tunnel_of_sa == {"aaaa0002": "tokyo/lan"}


def test_during_a_rekey_the_state_says_so_and_a_failed_one_ends_it():
    story = Story()
    story.phase1("tokyo", "203.0.113.21")
    story.up("tokyo/lan", ("aaaa0001", "bbbb0001"), "203.0.113.21")
    story.tell(f.SaRekeying("tokyo/lan", "aaaa0001", "time"))
    story.exchange("q", "tokyo", "203.0.113.21", tunnel="tokyo/lan", why="rekey: time", rows=1)
    state = folded(story.facts)
    assert state.tunnels["tokyo/lan"].state == "rekeying"
    apply(state, Stamped(999, NOW, 0.0, f.ExchangeFailed("q", 1, 9.0, Cause.NO_ANSWER, "No answer.", (), (), ())))
    assert state.tunnels["tokyo/lan"].state == "up"
    assert state.tunnels["tokyo/lan"].sa.rekeying == ""


def test_a_renewed_phase1_takes_over():
    story = Story()
    story.phase1("tokyo", "203.0.113.21")
    state = folded(story.facts)
    first = state.peers["tokyo"].phase1
    renewed = f.Phase1Established(
        "tokyo", "c:d", "x", "initiator", "main", "a", "b", "i", "j", "s", "psk", 100.0, 80.0, "", (), first.cookies
    )
    apply(state, Stamped(100, BOOT + 50, 0.0, renewed))
    assert [each.replaced for each in state.peers["tokyo"].phase1s] == [True, False]
    apply(state, Stamped(101, BOOT + 60, 0.0, f.Phase1Deleted("tokyo", first.cookies, Cause.REPLACED)))
    assert state.peers["tokyo"].phase1.cookies == "c:d"
    assert state.peers["tokyo"].phase1.expires_at == BOOT + 150


def test_an_engine_that_starts_again_holds_nothing(day):
    state = clone(day)
    events = len(state.events)
    apply(state, Stamped(9999, NOW, 0.0, f.EngineStarted("0.1", 9, "memory", "", (), 500, 4500, "")))
    assert not state.tunnels
    assert not state.peers
    assert len(state.events) == events + 1


def test_a_stranger_makes_no_peer():
    state = folded([])
    apply(state, Stamped(1, 0.0, 0.0, f.MessageDropped("", "192.0.2.1:500", 27, DropReason.TOO_SHORT, "", "")))
    apply(state, Stamped(2, 0.0, 0.0, f.MessageDropped("who", "192.0.2.1:500", 0, DropReason.EMPTY, "", "")))
    assert not state.peers
    assert state.drops == {"shorter than an ISAKMP header": 1, "empty datagram": 1}


def test_rings_are_bounded_and_routine_pushes_out_nothing():
    state = State()
    apply(state, Stamped(1, 0.0, 0.0, f.TunnelDown("a/b", Cause.NO_ANSWER, "")))
    for number in range(ROUTINE_KEPT + 10):
        apply(state, Stamped(number + 2, 0.0, 0.0, f.ProbeTaken("a", number)))
        apply(state, Stamped(number + 2, 0.0, 0.0, f.CountersSampled(())))
    assert [type(each.fact).__name__ for each in state.events] == ["TunnelDown"]
    assert len(state.routine) == ROUTINE_KEPT
    for number in range(EVENTS_KEPT + 10):
        apply(state, Stamped(number, 0.0, 0.0, f.PeerMoved("a", "b", "c")))
    assert len(state.events) == EVENTS_KEPT


def ended(story: Story, name: str, *, failed: bool) -> None:
    story.exchange(name, "tokyo", "203.0.113.21")
    if failed:
        story.tell(f.ExchangeFailed(name, 1, 1.0, Cause.NO_ANSWER, "No answer.", (), (), ()))
    else:
        story.tell(f.ExchangeFinished(name, 1.0, "agreed"))


def test_failed_negotiations_are_evicted_last():
    story = Story()
    ended(story, "failed", failed=True)
    story.exchange("running", "tokyo", "203.0.113.21", rows=1)
    for number in range(EXCHANGES_KEPT + 50):
        ended(story, f"ok{number}", failed=False)
    state = folded(story.facts)
    assert len(state.exchanges) == EXCHANGES_KEPT
    assert {"failed", "running", f"ok{EXCHANGES_KEPT + 49}"} <= set(state.exchanges)


def test_failures_do_not_push_out_everything():
    story = Story()
    ended(story, "good", failed=False)
    for number in range(EXCHANGES_KEPT + 50):
        ended(story, f"bad{number}", failed=True)
    state = folded(story.facts)
    assert "good" in state.exchanges
    assert "bad0" not in state.exchanges
    assert f"bad{EXCHANGES_KEPT + 49}" in state.exchanges


def test_rows_of_an_exchange(day):
    exchange = day.exchanges["sapporo-mm"]
    assert [row.ours for row in exchange.rows] == [True, False] * 3
    assert exchange.rows[4].text == "HDR*, IDii, HASH_I"
    assert exchange.last_row == 3
    row = exchange.rows[2]
    assert (row.resends, row.resend_limit, row.resend_at) == (2, 5, row.at + 14)
    waits = waits_for(exchange, NOW)
    assert waits == "no answer from 198.51.100.77:500 to message 3 of Main Mode after 3 sends and 9 s"


def test_rows_out_of_range_or_of_unknown_exchanges_are_passed_over(day):
    state = clone(day)
    before = dump(state)["exchanges"]
    for fact in (
        f.RowSent("nobody", 1, 1, (), ()),
        f.RowSent("sapporo-mm", 0, 1, (), ()),
        f.RowTaken("sapporo-mm", 7, 1, 0.0, (), ()),
        f.RowResent("sapporo-mm", -1, 1, 1, 0.0, 1),
        f.ExchangeFinished("nobody", 0.0, ""),
        f.ExchangeFailed("nobody", 1, 0.0, Cause.REFUSED, "", (), (), ()),
    ):
        assert apply(state, Stamped(9999, NOW, 0.0, fact)) == set()
    assert dump(state)["exchanges"] == before


def test_an_answer_ends_the_resends_of_what_it_answers(day):
    state = clone(day)
    apply(state, Stamped(9999, NOW, 0.0, f.RowTaken("sapporo-mm", 4, 396, 9.0, ("KE",), ())))
    assert all(row.resend_at == 0.0 for row in state.exchanges["sapporo-mm"].rows)


def test_negotiations_of_a_tunnel(day):
    assert [each.id for each in exchanges_of(day, "tokyo/lan")] == ["tokyo-mm", "tokyo/lan-qm1"]
    assert latest_exchange(day, "nagoya/lan").id == "nagoya-qm2"
    assert latest_exchange(day, "lab/lan") is None
    assert latest_failure(day, "tokyo/lan") is None


def test_what_was_touched():
    state = State()
    touched = [apply(state, each) for each in rekeyed().facts]
    assert touched[0] == {"engine"}
    assert {"peer:tokyo", "tunnel:tokyo/lan", "exchange:tokyo-mm"} <= set().union(*touched)


# -- certificates, users, addresses, names -----------------------------------------------------------------------------


def test_the_same_again_with_members_certificates_and_users():
    state, story = road()
    journal = [json.dumps(stamped_to_dict(each)) for each in story.facts]
    assert folded([stamped_from_dict(json.loads(line)) for line in journal]) == state
    assert load(json.loads(json.dumps(dump(state)))) == state
    copy = clone(state)
    copy.peers["road#2"].phase1.certificate.names.clear()
    copy.peers["road#2"].config.dns.clear()
    assert state.peers["road#2"].phase1.certificate.names == ["bruno@example.net"]
    assert state.peers["road#2"].config.dns == ["10.1.0.53"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [("certificate", 7, "wants a Certificate"), ("certificate", {}, "wants a Certificate")],
)
def test_a_broken_optional_part_is_refused_with_its_place(path, value, words):
    data = dump(road()[0])
    data["peers"]["road#2"]["phase1s"][0][path] = value
    with pytest.raises(BadState, match=rf"state\.peers\.road#2\.phase1s\[0\]\.{path}: {words}"):
        load(data)


def test_members():
    state, _ = road()
    peer = state.peers["road#2"]
    assert (peer.member_of, peer.user, peer.user_is_ours) == ("road", "bruno", False)
    assert (peer.config.server, peer.config.address, peer.config.domain) == (True, "10.9.0.6", "example.net")
    assert state.peers["road"].warnings == ["modp1024 can be broken by a well-equipped attacker (RFC 8247)"]
    assert state.peers["road"].phase1 is None


def test_a_member_that_is_gone_takes_its_tunnels_along_and_leaves_its_negotiations():
    state, _ = road()
    exchanges = list(state.exchanges)
    touched = apply(state, Stamped(9000, NOW, 0.0, f.PeerRemoved("road#1")))
    assert touched == {"peer:road#1", "tunnel:road#1/lan"}
    assert list(state.peers) == ["road", "road#2"]
    assert list(state.tunnels) == ["road/lan", "road#2/lan"]
    assert state.tunnel_of_sa == {"a20000aa": "road#2/lan"}
    assert list(state.exchanges) == exchanges
    # what is told late does not bring it back
    told(
        state,
        f.SaDeleted("road#1/lan", "a10000aa", "us", Cause.PEER_SILENT),
        f.ConfigReleased("road#1", True, "10.9.0.5"),
        f.Phase1Deleted("road#1", "x", Cause.PEER_SILENT), f.PeerRemoved("road#1"),
    )
    assert list(state.peers) == ["road", "road#2"]
    assert list(state.tunnels) == ["road/lan", "road#2/lan"]


def test_a_tunnel_that_is_configured_again_has_other_selectors_and_keeps_its_sas():
    state, _ = road()
    again = f.TunnelConfigured(
        "road#1/lan", "road#1", "tunnel", "10.1.0.0/24", "10.9.0.99/32", (), 3600.0, 0, 540.0, "manual", "block"
    )
    told(state, again)
    tunnel = state.tunnels["road#1/lan"]
    assert (tunnel.remote, tunnel.state, len(tunnel.sas)) == ("10.9.0.99/32", "up", 1)


def test_a_certificate_belongs_to_the_phase_1_of_its_exchange():
    state, _ = road()
    assert state.exchanges["road2-mm"].certificate.subject == "CN=bruno, O=Example"
    assert state.peers["road#2"].phase1.certificate is state.exchanges["road2-mm"].certificate
    assert state.peers["road#1"].phase1.certificate is None
    # told after the SA was established
    late = f.CertificateTaken("road#1", "road1-mm", "CN=late", "CN=ca", "1", (), "RSA 2048", 0.0, WALL, (), "checked")
    told(state, late)
    assert state.peers["road#1"].phase1.certificate.subject == "CN=late"
    # that of an unknown peer or exchange is no peer's
    told(state, f.CertificateTaken("who", "y", "CN=x", "CN=ca", "1", (), "RSA 2048", 0.0, WALL, (), "checked"))
    assert "who" not in state.peers


def test_a_user_goes_with_the_last_phase_1_and_a_refusal_stays_until_it_is_mended():
    state, _ = road()
    peer = state.peers["road#1"]
    told(state, f.UserRefused("road#1", "anna", True, "wrong password"))
    assert (peer.user, peer.user_refused) == ("", "anna: wrong password")
    told(state, f.UserAuthenticated("road#1", "anna", True))
    assert (peer.user, peer.user_refused) == ("anna", "")
    told(state, f.Phase1Deleted("road#1", peer.phase1.cookies, Cause.PEER_DELETED))
    assert peer.user == ""


def test_an_address_is_given_back():
    state, _ = road()
    told(state, f.ConfigReleased("road#1", True, "10.9.0.77"))
    assert state.peers["road#1"].config is not None
    told(state, f.ConfigReleased("road#1", True, "10.9.0.5"))
    assert state.peers["road#1"].config is None


def test_names():
    state = told(folded([]), f.NameResolved("a", "gw.example", "192.0.2.1", 60.0, False), at=100.0)
    resolved = state.peers["a"].resolved
    assert (resolved.address, resolved.next_at, resolved.changes, resolved.problem) == ("192.0.2.1", 160.0, 0, "")
    told(state, f.NameUnresolved("a", "gw.example", "timeout", "192.0.2.1"), at=160.0)
    resolved = state.peers["a"].resolved
    assert (resolved.address, resolved.problem, resolved.next_at) == ("192.0.2.1", "timeout", 0.0)
    told(state, f.NameResolved("a", "gw.example", "192.0.2.2", 60.0, True), at=170.0)
    resolved = state.peers["a"].resolved
    assert (resolved.address, resolved.changes, resolved.problem, resolved.next_at) == ("192.0.2.2", 1, "", 230.0)
    told(state, f.NameUnresolved("b", "x.example", "no such name", ""))
    assert (state.peers["b"].resolved.name, state.peers["b"].resolved.address) == ("x.example", "")


def test_a_name_that_stays_the_same_is_routine():
    state = told(folded([]), f.NameResolved("a", "gw.example", "192.0.2.1", 60.0, False))
    told(state, f.NameResolved("a", "gw.example", "192.0.2.2", 60.0, True))
    assert ([each.fact.changed for each in state.events], [each.fact.changed for each in state.routine]) == (
        [True], [False],
    )  # fmt: skip


def test_keepalives_of_both_kinds_stand_beside_each_other():
    state, _ = road()
    peer = state.peers["road#1"]
    assert (peer.echo.answered, peer.keepalive.answered) == (1, 0)
    assert peer.alive is peer.echo
    told(state, f.ProbeSent("road#1", 9), f.ProbeAnswered("road#1", 9, 0.03, 10.0))
    told(state, f.ProbeMissed("road#1", 2, 1, 9.0, "icmp"))
    assert (peer.echo.missed, peer.keepalive.answered, peer.keepalive.missed) == (1, 1, 0)
    told(state, f.PeerSilent("road#1", 31.0))
    assert (peer.echo.dead, peer.keepalive.dead) == (True, False)


def test_the_peers_shorter_lifetime_is_what_counts(day):
    state = clone(day)
    phase1, sa = state.peers["tokyo"].phase1, state.tunnels["tokyo/lan"].sa
    told(state, f.LifetimeNotified("tokyo", phase1.cookies, 7200.0, 0))
    told(state, f.LifetimeNotified("tokyo", sa.spi_out, 1800.0, 10**9))
    assert phase1.expires_at == phase1.established_at + 7200
    assert phase1.renews_at == phase1.expires_at
    assert sa.expires_at == sa.installed_at + 1800
    assert sa.rekeys_at <= sa.expires_at
    assert (sa.lifebytes, sa.rekey_bytes) == (10**9, 10**9)
    # a longer one, one of another peer, and one that says nothing change nothing
    before = dump(state)["tunnels"]
    told(
        state, f.LifetimeNotified("tokyo", sa.spi_in, 86400.0, 10**12), f.LifetimeNotified("nagoya", sa.spi_in, 1.0, 1),
        f.LifetimeNotified("tokyo", sa.spi_in, 0.0, 0),
    )
    assert dump(state)["tunnels"] == before


def test_esp_that_does_not_arrive_until_it_does(day):
    state = clone(day)
    tunnel = state.tunnels["tokyo/lan"]
    told(state, f.TrafficStalled("tokyo/lan", 60.0, "phase 2 is made anew"))
    assert (tunnel.stalled, tunnel.silent, tunnel.stalled_at) == ("phase 2 is made anew", 60.0, NOW)
    sa = tunnel.sa
    told(state, f.CountersSampled((f.Sample(sa.spi_in, sa.bytes_in, sa.packets_in, sa.bytes_out, sa.packets_out + 9),)))
    assert tunnel.stalled
    told(state, f.CountersSampled((f.Sample(sa.spi_in, sa.bytes_in, sa.packets_in + 1, sa.bytes_out, sa.packets_out),)))
    assert not tunnel.stalled

"""The shape of ``ikeview status --json`` is a promise."""

import json

from ikeview.model import State, apply, status
from ikeview.model.state import Certificate, Config
from tests.support.story import NOW, WALL, Story, gateway, roadwarriors

SA_KEYS = {
    "spi_in", "spi_out", "suite", "mode", "local", "remote", "encapsulated", "local_selector", "remote_selector",
    "bytes_in", "packets_in", "bytes_out", "packets_out", "replayed", "forged", "installed_ago", "rekeys_in",
    "expires_in", "lifebytes", "rekey_bytes", "generation", "rekeying", "replaced",
}  # fmt: skip


def day() -> dict:
    state = State()
    for stamped in gateway().facts:
        apply(state, stamped)
    return json.loads(json.dumps(status(state, NOW)))


def test_shape():
    answer = day()
    assert set(answer) == {"engine", "tunnels"}
    assert set(answer["engine"]) == {
        "version", "pid", "plane", "why", "running", "uptime", "listen", "port", "nat_port", "folder",
    }  # fmt: skip
    first = answer["tunnels"][0]
    assert set(first) == {
        "name", "peer", "state", "cause", "detail", "wanted", "attempt", "retry_in", "local", "remote", "rekeys",
        "phase1", "sas", "member_of", "stalled", "warnings",
    }  # fmt: skip
    assert set(first["phase1"]) == {
        "cookies", "role", "mode", "local", "remote", "local_id", "remote_id", "suite", "auth", "nat",
        "established_ago", "renews_in", "expires_in", "user", "certificate", "config",
    }  # fmt: skip
    assert set(first["sas"][0]) == SA_KEYS


def test_configured_and_active_together():
    tunnels = {each["name"]: each for each in day()["tunnels"]}
    assert len(tunnels) == 8
    up = tunnels["tokyo/lan"]
    assert (up["state"], up["cause"], up["sas"][0]["bytes_in"], up["sas"][0]["rekeying"]) == (
        "up", None, 2_791_240_000, None,
    )  # fmt: skip
    assert 1000 < up["sas"][0]["expires_in"] < 1200
    assert up["sas"][0]["rekeys_in"] < up["sas"][0]["expires_in"]
    failed = tunnels["sendai/lan"]
    assert (failed["state"], failed["cause"], failed["phase1"], failed["sas"]) == (
        "down", "authentication failed", None, [],
    )  # fmt: skip
    assert failed["retry_in"] > 100
    assert tunnels["nagoya/lan"]["sas"][0]["rekeying"] == "time"
    assert tunnels["lab/lan"] | {"local": "", "remote": ""} == {
        "name": "lab/lan", "peer": "lab", "state": "down", "cause": None, "detail": None, "wanted": False, "attempt": 0,
        "retry_in": None, "local": "", "remote": "", "rekeys": 0, "phase1": None, "sas": [],
        "member_of": None, "stalled": None, "warnings": [],
    }  # fmt: skip


def test_nothing_at_all():
    assert status(State(), 0.0)["tunnels"] == []


def test_a_peer_with_certificate_user_and_address():
    story = Story()
    roadwarriors(story)
    state = State()
    for stamped in story.facts:
        apply(state, stamped)
    told = json.loads(json.dumps(status(state, story.at)))
    assert [each["name"] for each in told["tunnels"]] == ["road/lan", "road#1/lan", "road#2/lan"]
    configured, member = told["tunnels"][0], told["tunnels"][2]
    assert configured["phase1"] is None
    assert len(configured["warnings"]) == 1
    assert (member["member_of"], member["warnings"]) == ("road", [])
    assert member["phase1"]["user"] == "bruno"
    assert member["phase1"]["certificate"] == {
        "subject": "CN=bruno, O=Example", "issuer": "CN=Example CA", "serial": "4d2", "names": ["bruno@example.net"],
        "key": "ECDSA 256", "not_before": WALL - 86400.0, "not_after": WALL + 20 * 86400.0, "path": ["CN=Example CA"],
        "revocation": "checked",
    }  # fmt: skip
    assert member["phase1"]["config"] == {
        "server": True, "address": "10.9.0.6", "netmask": "255.255.255.255", "dns": ["10.1.0.53"],
        "domain": "example.net", "banner": None, "split_include": ["10.1.0.0/24"], "ignored": [],
    }  # fmt: skip
    assert set(member["phase1"]["config"]) == set(Config.__slots__) - {"assigned_at"}
    assert set(member["phase1"]["certificate"]) == set(Certificate.__slots__)

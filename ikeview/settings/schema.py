"""The shape of the two kinds of file: which tables and keys there are, their types and defaults.

Every key has a default, so that a file can be read in part and still be judged in whole; ``NEEDED`` names the keys that
must be written nevertheless, each with an example. A key's meaning is told in ``config/``.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ikeview.core.specs import EngineSpec, Method, Start, UiSpec, WhenDown
from ikeview.settings import fields

_ENGINE, _UI = EngineSpec(), UiSpec()


class Table(BaseModel):
    """One table of a file. Unknown keys are errors, and nothing is converted from one type to another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
    NEEDED: ClassVar[dict[str, str]] = {}


class Engine(Table):
    """``[engine]`` of ``ikeview.toml``."""

    NEEDED: ClassVar[dict[str, str]] = {"listen": 'listen = ["0.0.0.0", "::"]'}
    listen: list[fields.ListenAddress] = list(_ENGINE.listen)
    port: fields.Port = _ENGINE.port
    nat_port: fields.Port = _ENGINE.nat_port
    dataplane: fields.PlaneName = _ENGINE.dataplane
    state: fields.Folder = _ENGINE.state


class Ui(Table):
    """``[ui]`` of ``ikeview.toml``; action ids and keys are judged by the screen, which has the table of actions."""

    theme: fields.Name = _UI.theme
    keys: dict[str, fields.Text] = {}


class Program(Table):
    """``ikeview.toml``."""

    engine: Engine = Engine()
    ui: Ui = Ui()


class Auth(Table):
    """``[auth]`` of a peer."""

    method: fields.AuthMethod = Method.PSK
    secret_file: fields.FileName | None = None
    secret_env: fields.Text | None = None
    secret: fields.SecretText | None = None
    cert_file: fields.FileName | None = None
    key_file: fields.FileName | None = None
    ca_files: list[fields.FileName] | None = None
    crl_files: list[fields.FileName] | None = None
    crl: fields.Revocation = "ifpresent"
    remote_cert_file: fields.FileName | None = None
    aggressive_psk: fields.Flag = False


class Xauth(Table):
    """``[xauth]`` of a peer."""

    NEEDED: ClassVar[dict[str, str]] = {"role": 'role = "client" or role = "server"'}
    role: fields.End | None = None
    user: fields.User | None = None
    password_file: fields.FileName | None = None
    password_env: fields.Text | None = None
    password: fields.SecretText | None = None
    users_file: fields.FileName | None = None


class Config(Table):
    """``[config]`` of a peer: mode config."""

    NEEDED: ClassVar[dict[str, str]] = {"role": 'role = "client" or role = "server"'}
    role: fields.End | None = None
    method: fields.ConfigMethod = "pull"
    pool: fields.Pool | None = None
    dns: list[fields.HostAddress] | None = None
    domain: fields.Domain | None = None
    banner: fields.Banner | None = None
    split_include: list[fields.IPv4Part] | None = None


class Phase1(Table):
    """``[phase1]`` of a peer."""

    NEEDED: ClassVar[dict[str, str]] = {"proposals": 'proposals = ["aes256-sha256-modp2048"]'}
    proposals: list[fields.Phase1Proposal] | None = None
    lifetime: fields.Lifetime = 8 * 3600.0


class Keepalive(Table):
    """``[keepalive]`` of a peer."""

    method: fields.KeepaliveMethod = "dpd"
    interval: fields.Interval = 10.0
    timeout: fields.Interval = 30.0
    action: fields.KeepaliveAction = "restart"
    when: fields.KeepaliveWhen = "idle"
    target: fields.HostAddress | None = None
    source: fields.HostAddress | None = None


class Nat(Table):
    """``[nat]`` of a peer."""

    traversal: fields.Traversal = "auto"
    keepalive: fields.Interval = 20.0


class Tunnel(Table):
    """One ``[[tunnel]]`` of a peer."""

    NEEDED: ClassVar[dict[str, str]] = {
        "name": 'name = "lan"',
        "local": 'local = "10.1.0.0/24"',
        "remote": 'remote = "10.2.0.0/24"',
        "proposals": 'proposals = ["aes256gcm16-modp2048"]',
    }
    name: fields.Name | None = None
    mode: fields.EspMode = "tunnel"
    local: fields.TrafficSelector | None = None
    remote: fields.TrafficSelector | None = None
    proposals: list[fields.EspProposal] | None = None
    lifetime: fields.Lifetime = 3600.0
    lifebytes: fields.Lifebytes | None = None
    rekey_margin: fields.Margin | None = None
    start: fields.StartWhen = Start.MANUAL
    when_down: fields.Down = WhenDown.BLOCK


class Peer(Table):
    """A file of ``peers/``."""

    NEEDED: ClassVar[dict[str, str]] = {
        "remote": 'remote = "203.0.113.9"',
        "auth": '[auth] and below it secret_file = "../secrets/tokyo.psk"',
        "phase1": '[phase1] and below it proposals = ["aes256-sha256-modp2048"]',
        "tunnel": "[[tunnel]] and below it name, local, remote and proposals",
    }
    name: fields.Name | None = None
    ike: fields.Ike = "v1"
    mode: fields.ExchangeMode = "main"
    role: fields.PeerRole = "both"
    local: fields.LocalPlace = "any"
    remote: fields.RemotePlace | None = None
    local_id: fields.Id | None = None
    remote_id: fields.IdPattern | None = None
    unique: fields.Uniqueness = "replace"
    fragmentation: fields.Fragmentation = "auto"
    auth: Auth | None = None
    xauth: Xauth | None = None
    config: Config | None = None
    phase1: Phase1 | None = None
    keepalive: Keepalive = Keepalive()
    nat: Nat = Nat()
    tunnel: list[Tunnel] | None = None

"""Key material of both phases and the hashes that prove it (RFC 2409 sections 5 and 5.5, appendix B)."""

from dataclasses import dataclass

from ikeview.core.channel import Channel
from ikeview.crypto.ciphers import Cipher
from ikeview.crypto.hashes import Hash
from ikeview.crypto.secret import Secret


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookie pair that names an ISAKMP SA."""

    initiator: bytes
    responder: bytes

    @property
    def both(self) -> bytes:
        """CKY-I | CKY-R, 16 octets."""
        return self.initiator + self.responder

    def __str__(self) -> str:
        return f"{self.initiator.hex()}:{self.responder.hex()}"


@dataclass(frozen=True, slots=True)
class Phase1Keys:
    """SKEYID and what comes of it: ``d`` for phase 2 keys, ``a`` for its hashes, ``encryption`` for the cipher."""

    hash: Hash
    cipher: Cipher
    skeyid: Secret
    d: Secret
    a: Secret
    encryption: Secret

    def channel(self, iv: bytes) -> Channel:
        """A channel that starts with that IV."""
        return Channel(self.cipher, self.encryption, iv)

    def message_channel(self, last_block: bytes, message_id: int) -> Channel:
        """The channel of a phase 2 exchange: its IV comes from the last block of phase 1 and the message ID."""
        iv = self.hash.digest(last_block + message_id.to_bytes(4))
        return self.channel(iv[: self.cipher.block_size])


def skeyid_psk(hash_: Hash, secret: Secret, nonce_i: bytes, nonce_r: bytes) -> Secret:
    """SKEYID = prf(pre-shared-key, Ni_b | Nr_b) (section 5.4)."""
    return Secret(hash_.prf(secret.reveal(), nonce_i + nonce_r))


def skeyid_signature(hash_: Hash, shared: Secret, nonce_i: bytes, nonce_r: bytes) -> Secret:
    """SKEYID = prf(Ni_b | Nr_b, g^xy) (section 5.1): with signatures, key and data are the other way round."""
    return Secret(hash_.prf(nonce_i + nonce_r, shared.reveal()))


def derive_phase1(hash_: Hash, cipher: Cipher, skeyid: Secret, shared: Secret, cookies: Cookies) -> Phase1Keys:
    """SKEYID_d, SKEYID_a and SKEYID_e from SKEYID and g^xy (section 5); the latter stretched to the cipher's key."""
    tail = shared.reveal() + cookies.both
    d = hash_.prf(skeyid.reveal(), tail + b"\0")
    a = hash_.prf(skeyid.reveal(), d + tail + b"\1")
    e = hash_.prf(skeyid.reveal(), a + tail + b"\2")
    return Phase1Keys(hash_, cipher, skeyid, Secret(d), Secret(a), Secret(encryption_key(hash_, e, cipher.key_size)))


def encryption_key(hash_: Hash, skeyid_e: bytes, size: int) -> bytes:
    """SKEYID_e cut to size, or where it is too short K1 | K2 ... (appendix B)."""
    if len(skeyid_e) >= size:
        return skeyid_e[:size]
    stretched = block = hash_.prf(skeyid_e, b"\0")
    while len(stretched) < size:
        block = hash_.prf(skeyid_e, block)
        stretched += block
    return stretched[:size]


def initial_iv(hash_: Hash, cipher: Cipher, public_i: bytes, public_r: bytes) -> bytes:
    """The IV of the first encrypted message: hash(g^xi | g^xr) cut to a block (appendix B)."""
    return hash_.digest(public_i + public_r)[: cipher.block_size]


def hash_i(
    keys: Phase1Keys, public_i: bytes, public_r: bytes, cookies: Cookies, sa_i: bytes, id_i: bytes,
    hash_: Hash | None = None,
) -> bytes:
    """HASH_I (section 5); ``sa_i`` and ``id_i`` are payload bodies as they crossed the wire, ``hash_`` the hash of its
    own that ECDSA has (RFC 4754 section 3)."""
    data = public_i + public_r + cookies.initiator + cookies.responder + sa_i + id_i
    return (hash_ or keys.hash).prf(keys.skeyid.reveal(), data)


def hash_r(
    keys: Phase1Keys, public_i: bytes, public_r: bytes, cookies: Cookies, sa_i: bytes, id_r: bytes,
    hash_: Hash | None = None,
) -> bytes:
    """HASH_R (section 5): over the initiator's SA as well."""
    data = public_r + public_i + cookies.responder + cookies.initiator + sa_i + id_r
    return (hash_ or keys.hash).prf(keys.skeyid.reveal(), data)


def hash_1(keys: Phase1Keys, message_id: int, rest: bytes) -> bytes:
    """HASH(1), also of Informational messages: over all payloads after it (sections 5.5 and 5.7)."""
    return keys.hash.prf(keys.a.reveal(), message_id.to_bytes(4) + rest)


def hash_2(keys: Phase1Keys, message_id: int, nonce_i: bytes, rest: bytes) -> bytes:
    """HASH(2) (section 5.5)."""
    return keys.hash.prf(keys.a.reveal(), message_id.to_bytes(4) + nonce_i + rest)


def hash_3(keys: Phase1Keys, message_id: int, nonce_i: bytes, nonce_r: bytes) -> bytes:
    """HASH(3): a zero octet in front and no payloads (section 5.5)."""
    return keys.hash.prf(keys.a.reveal(), b"\0" + message_id.to_bytes(4) + nonce_i + nonce_r)


def keymat(
    keys: Phase1Keys, size: int, protocol: int, spi: bytes, nonce_i: bytes, nonce_r: bytes, shared: Secret | None
) -> bytes:
    """KEYMAT of one direction, ``size`` octets; ``spi`` is the receiver's, ``shared`` g^xy of Quick Mode if there was
    one (section 5.5)."""
    seed = (shared.reveal() if shared else b"") + bytes((protocol,)) + spi + nonce_i + nonce_r
    out = block = keys.hash.prf(keys.d.reveal(), seed)
    while len(out) < size:
        block = keys.hash.prf(keys.d.reveal(), block + seed)
        out += block
    return out[:size]

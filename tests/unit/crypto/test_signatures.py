"""Signatures: against RFC 4754 section 8, a foreign stack's negotiations, and forgeries made with the true key."""

import pickle
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, utils
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.crypto.hashes import HASHES
from ikeview.crypto.signatures import BadKey, BadSignature, PrivateKey, PublicKey
from ikeview.crypto.suites import Phase1Suite
from ikeview.wire.header import HEADER_SIZE, Header
from ikeview.wire.message import read_chain
from ikeview.wire.payloads import Certificate, Signature
from tests.support.vectors import BY_NAME, FOLDER

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, OLD = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()

RSA = rsa.generate_private_key(65537, 1024)
CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
EC = {bits: ec.generate_private_key(curve) for bits, curve in CURVES.items()}
DIGEST_SIZES = {256: 32, 384: 48, 521: 64}


def _loaded(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> PrivateKey:
    return PrivateKey.load(key.private_bytes(DER, PKCS8, PLAIN))


# RFC 4754 section 8: w, gwx, r, s for the message "abc"
EXAMPLES = {
    256: (
        "DC51D386 6A15BACD E33D96F9 92FCA99D A7E6EF09 34E70975 59C27F16 14C88A7F",
        "CB28E099 9B9C7715 FD0A80D8 E47A7707 9716CBBF 917DD72E 97566EA1 C066957C",
        "86FA3BB4 E26CAD5B F90B7F81 899256CE 7594BB1E A0C89212 748BFF3B 3D5B0315",
    ),
    384: (
        "0BEB6466 34BA8773 5D77AE48 09A0EBEA 865535DE 4C1E1DCB 692E8470 8E81A5AF 62E528C3 8B2A81B3 5309668D 73524D9F",
        "FB017B91 4E291494 32D8BAC2 9A514640 B46F53DD AB2C6994 8084E293 0F1C8F7E 08E07C9C 63F2D21A 07DCB56A 6AF56EB3",
        "B263A130 5E057F98 4D38726A 1B468741 09F417BC A112674C 528262A4 0A629AF1 CBB9F516 CE0FA7D2 FF630863 A00E8B9F",
    ),
    521: (
        """0065FDA3 409451DC AB0A0EAD 45495112 A3D813C1 7BFD34BD F8C1209D 7DF58491 20597779 060A7FF9 D704ADF7 8B570FFA
        D6F062E9 5C7E0C5D 5481C5B1 53B48B37 5FA1""",
        """0154FD38 36AF92D0 DCA57DD5 341D3053 988534FD E8318FC6 AAAAB68E 2E6F4339 B19F2F28 1A7E0B22 C269D93C F8794A92
        78880ED7 DBB8D936 2CAEACEE 54432055 2251""",
        """017705A7 030290D1 CEB605A9 A1BB03FF 9CDD521E 87A696EC 926C8C10 C8362DF4 97536710 1F67D1CF 9BCCBF2F 3D239534
        FA509E70 AAC851AE 01AAC68D 62F86647 2660""",
    ),
}


@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_examples(bits: int) -> None:
    w, r, s = (bytes.fromhex(digits) for digits in EXAMPLES[bits])
    key = _loaded(ec.derive_private_key(int.from_bytes(w), CURVES[bits])).public
    digest = HASHES[key.hash_name].digest(b"abc")
    key.verify(digest, r + s)
    with pytest.raises(BadSignature):
        key.verify(digest, s + r)


def _recorded() -> Iterator[tuple[str, bytes, bytes, bytes]]:
    """Whose, the certificate sent, the hash as logged, the signature as sent."""
    main = BY_NAME["main-rsa-aes128-sha1-ecp256"]
    suite = Phase1Suite.parse(main.parameters["phase1"])
    key, iv = main.log.one("encryption key Ka"), main.log.one("initial IV")
    for data, whose, what in zip(main.whole[4:6], ("left", "right"), ("HASH_I", "HASH_R"), strict=True):
        plain = suite.cipher.decrypt(key, iv, data[HEADER_SIZE:])
        chain = read_chain(Header.read(data).next_payload, plain, padded=True)
        yield f"main {whose}", chain.first(Certificate).data, main.log.one(what), chain.first(Signature).data
        iv = data[-suite.cipher.block_size :]
    aggressive = BY_NAME["aggressive-rsa-aes256-sha256-modp2048"]
    data = aggressive.whole[1]
    chain = read_chain(Header.read(data).next_payload, data, HEADER_SIZE)
    yield "aggressive right", chain.first(Certificate).data, aggressive.log.one("HASH_R"), chain.first(Signature).data
    data = aggressive.whole[2]
    suite = Phase1Suite.parse(aggressive.parameters["phase1"])
    key, iv = aggressive.log.one("encryption key Ka"), aggressive.log.one("initial IV")
    chain = read_chain(Header.read(data).next_payload, suite.cipher.decrypt(key, iv, data[HEADER_SIZE:]), padded=True)
    yield "aggressive left", chain.first(Certificate).data, aggressive.log.one("HASH_I"), chain.first(Signature).data


@pytest.mark.parametrize("recorded", _recorded(), ids=lambda each: each[0])
def test_signatures_of_a_foreign_stack(recorded: tuple[str, bytes, bytes, bytes]) -> None:
    whose, certificate, digest, signature = recorded
    found = x509.load_der_x509_certificate(certificate)
    assert found == x509.load_pem_x509_certificate((FOLDER / f"{whose.split()[1]}.pem").read_bytes())
    key = PublicKey.of(found.public_key())
    assert (key.kind, str(key), key.method, key.hash_name, key.weak) == ("rsa", "RSA 2048", 3, "", "")
    key.verify(digest, signature)
    with pytest.raises(BadSignature):
        key.verify(digest[:-1] + bytes((digest[-1] ^ 1,)), signature)


@pytest.mark.parametrize("size", [16, 20, 32, 48, 64])
def test_rsa_there_and_back(size: int) -> None:
    key, digest = _loaded(RSA), bytes(range(size))
    signature = key.sign(digest)
    assert len(signature) == 128
    # the octets of the padded block, as RFC 2409 section 5.1 and PKCS #1 describe it: no DigestInfo
    block = pow(int.from_bytes(signature), 65537, RSA.public_key().public_numbers().n).to_bytes(128)
    assert block == b"\0\1" + b"\xff" * (125 - size) + b"\0" + digest
    key.public.verify(digest, signature)


@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_there_and_back(bits: int) -> None:
    key, digest = _loaded(EC[bits]), bytes(range(DIGEST_SIZES[bits]))
    signature = key.sign(digest)
    assert len(signature) == {256: 64, 384: 96, 521: 132}[bits]
    assert key.sign(digest) == signature, "RFC 6979"
    key.public.verify(digest, signature)
    assert (key.public.method, key.public.hash_name) == {
        256: (9, "sha256"), 384: (10, "sha384"), 521: (11, "sha512")
    }[bits]  # fmt: skip
    assert HASHES[key.public.hash_name].digest_size == DIGEST_SIZES[bits]


def _refuses(key: PublicKey, digest: bytes, signature: bytes) -> None:
    with pytest.raises(BadSignature) as caught:
        key.verify(digest, signature)
    assert str(caught.value)


BLOCKS = {
    "the hash cut short": lambda h: b"\0\1" + b"\xff" * (125 - 19) + b"\0" + h[:-1],
    "octets after the hash": lambda h: b"\0\1" + b"\xff" * 8 + b"\0" + h + bytes(128 - 31),
    "octets before the hash": lambda h: b"\0\1" + b"\xff" * 8 + b"\0" + bytes(128 - 31) + h,
    "one octet after the hash": lambda h: b"\0\1" + b"\xff" * (124 - 20) + b"\0" + h + b"\0",
    "encryption padding": lambda h: b"\0\2" + b"\xff" * (125 - 20) + b"\0" + h,
    "no block type": lambda h: b"\0\0" + b"\xff" * (125 - 20) + b"\0" + h,
    "a first octet": lambda h: b"\1\1" + b"\xff" * (125 - 20) + b"\0" + h,
    "padding that is not all ones": lambda h: b"\0\1" + b"\xff" * 50 + b"\xfe" + b"\xff" * (74 - 20) + b"\0" + h,
    "no end of the padding": lambda h: b"\0\1" + b"\xff" * (126 - 20) + h,
    "a DigestInfo": lambda h: b"\0\1" + b"\xff" * 90 + b"\0" + bytes.fromhex("3021300906052b0e03021a05000414") + h,
    "nothing but the hash": lambda h: bytes(108) + h,
    "no hash": lambda h: b"\0\1" + b"\xff" * 125 + b"\0",
    "one": lambda h: bytes(127) + b"\1",
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("exponent", [3, 65537])
def test_forged_rsa_blocks(name: str, exponent: int, rsa_3: rsa.RSAPrivateKey) -> None:
    # K13: every block that some stack has taken, signed with the true key
    key = rsa_3 if exponent == 3 else RSA
    digest = bytes(range(1, 21))
    block = BLOCKS[name](digest)
    assert len(block) == 128
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    forged = pow(int.from_bytes(block) % modulus, numbers.d, modulus).to_bytes(128)
    _refuses(PublicKey.of(key.public_key()), digest, forged)


@pytest.fixture(scope="module")
def rsa_3() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(3, 1024)


def test_cube_root_forgery(rsa_3: rsa.RSAPrivateKey) -> None:
    # without the key: a number whose cube begins as the block does
    digest = bytes(range(1, 21))
    wanted = int.from_bytes(b"\0\1" + b"\xff" * 8 + b"\0" + digest + b"\xff" * (128 - 31))
    low, high = 0, 1 << 512
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle)
    assert (low**3).to_bytes(128).startswith(b"\0\1" + b"\xff" * 8 + b"\0" + digest)
    _refuses(PublicKey.of(rsa_3.public_key()), digest, low.to_bytes(128))


def test_rsa_lengths_and_numbers() -> None:
    key, digest = _loaded(RSA), bytes(20)
    signature, modulus = key.sign(digest), RSA.public_key().public_numbers().n
    value = int.from_bytes(signature)
    for wrong in (
        b"", b"\0", signature[:-1], signature + b"\0", b"\0" + signature, bytes(128), bytes(127) + b"\1",
        b"\xff" * 128, modulus.to_bytes(128), (modulus - 1).to_bytes(128), (modulus - value).to_bytes(128),
        (value + modulus).to_bytes(129), bytes(8192), signature * 64,
    ):  # fmt: skip
        _refuses(key.public, digest, wrong)
    if value + modulus < 1 << 1024:
        _refuses(key.public, digest, (value + modulus).to_bytes(128))
    for other in (b"", digest[:-1], digest + b"\0", bytes(200)):
        _refuses(key.public, other, signature)


@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_lengths_and_numbers(bits: int) -> None:
    key, digest = _loaded(EC[bits]), bytes(range(DIGEST_SIZES[bits]))
    signature = key.sign(digest)
    half = len(signature) // 2
    r, s = signature[:half], signature[half:]
    der = utils.encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    zero, ones = bytes(half), b"\xff" * half
    for wrong in (
        b"", signature[:-1], signature + b"\0", r, bytes(2 * half), zero + s, r + zero, ones + s, r + ones, s + r,
        b"\0" + r + b"\0" + s, der, bytes(half - 1) + b"\1" + bytes(half - 1) + b"\1",
    ):  # fmt: skip
        _refuses(key.public, digest, wrong)
    for other in (b"", digest[:-1], digest + b"\0", bytes(20)):
        _refuses(key.public, other, signature)


@pytest.mark.parametrize("key", [RSA, *EC.values()], ids=lambda each: type(each).__name__)
def test_every_changed_bit_is_noticed(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    loaded = _loaded(key)
    digest = bytes(DIGEST_SIZES.get(loaded.public.bits, 32))
    signature = loaded.sign(digest)
    for at in range(0, len(signature) * 8, 7):
        changed = bytearray(signature)
        changed[at // 8] ^= 1 << at % 8
        _refuses(loaded.public, digest, bytes(changed))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(digest=st.binary(max_size=70), signature=st.binary(max_size=140), bits=st.sampled_from([0, 256, 384, 521]))
def test_nothing_but_bad_signature(digest: bytes, signature: bytes, bits: int) -> None:
    _refuses(PublicKey.of((EC[bits] if bits else RSA).public_key()), digest, signature)


@pytest.mark.parametrize("key", [RSA, *EC.values()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("form", [PKCS8, OLD], ids=str)
@pytest.mark.parametrize("encoding", [PEM, DER], ids=str)
def test_forms_of_key_files(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form, encoding) -> None:
    data = key.private_bytes(encoding, form, PLAIN)
    assert PrivateKey.load(data) == _loaded(key)
    if encoding is PEM:
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        assert PrivateKey.load(b"a note\n" + parameters + data.replace(b"\n", b"\r\n")) == _loaded(key)


@pytest.mark.parametrize("form", [PKCS8, OLD], ids=str)
def test_encrypted_keys_are_told_apart(form) -> None:
    with pytest.raises(BadKey, match="encrypted"):
        PrivateKey.load(RSA.private_bytes(PEM, form, serialization.BestAvailableEncryption(b"passphrase")))
    with pytest.raises(BadKey, match="encrypted"):
        PrivateKey.load(RSA.private_bytes(DER, PKCS8, serialization.BestAvailableEncryption(b"passphrase")))


def test_keys_that_are_not_used() -> None:
    for key, told in (
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ec.generate_private_key(ec.SECP224R1()), "secp224r1"),
        (dsa.generate_private_key(1024), "DSA"),
    ):
        with pytest.raises(BadKey, match=told):
            PrivateKey.load(key.private_bytes(PEM, PKCS8, PLAIN))
    for data in (b"", b"x", b"\x30\x80", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                 bytes(100_000), (FOLDER / "ca.pem").read_bytes()):
        with pytest.raises(BadKey) as caught:
            PrivateKey.load(data)
        assert str(caught.value)


def test_a_damaged_rsa_key_is_refused() -> None:
    data = RSA.private_bytes(DER, OLD, PLAIN)
    exponent = RSA.private_numbers().dmp1.to_bytes(64)
    at = data.index(exponent) + 63
    with pytest.raises(BadKey):
        PrivateKey.load(data[:at] + bytes((data[at] ^ 2,)) + data[at + 1 :])


@pytest.mark.parametrize(("exponent", "bits"), [((1 << 64) + 1, 1024), (65537, 1023), (65537, 8200), (65537, 16384)])
def test_public_keys_of_a_hostile_certificate(exponent: int, bits: int) -> None:
    # K14; that exponents of 0, 1 and even ones are refused is the library's doing, and ours if it should ever stop
    with pytest.raises(BadKey):
        PublicKey.of(rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key())


def test_weak_keys_say_why() -> None:
    assert "1024" in _loaded(RSA).public.weak
    assert not _loaded(EC[256]).public.weak


def test_private_keys_never_show_themselves() -> None:
    for key in (_loaded(RSA), _loaded(EC[384])):
        assert repr(key) == f"{key}" == f"PrivateKey({key.public}, ***)"
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(key)


def test_equality() -> None:
    assert _loaded(RSA) == _loaded(RSA) != _loaded(EC[256])
    assert len({_loaded(RSA).public, _loaded(RSA).public, _loaded(EC[256]).public}) == 2

"""CBC against RFC 3602 section 4, NIST SP 800-38A appendix F.2 and SP 800-67 appendix B."""

import pytest

from ikeview.crypto.ciphers import CIPHERS, Cipher

# NIST SP 800-38A appendix F
NIST_PLAIN = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
NIST_IV = "000102030405060708090a0b0c0d0e0f"

KNOWN = [
    (
        "aes128",
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        b"Single block msg".hex(),
        "e353779c1079aeb82708942dbe77181a",
    ),
    (
        "aes128",
        "c286696d887c9aa0611bbb3e2025a45a",
        "562e17996d093d28ddb3ba695a2e6f58",
        bytes(range(32)).hex(),
        "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    ),
    (
        "aes192",
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        NIST_IV,
        NIST_PLAIN,
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
        "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
    ),
    (
        "aes256",
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        NIST_IV,
        NIST_PLAIN,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
        "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
    ),
]
TDES_KEY = "0123456789abcdef23456789abcdef01456789abcdef0123"


@pytest.mark.parametrize(("name", "key", "iv", "plain", "secret"), KNOWN)
def test_aes(name: str, key: str, iv: str, plain: str, secret: str) -> None:
    cipher = CIPHERS[name]
    assert cipher.encrypt(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(plain)).hex() == secret
    assert cipher.decrypt(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(secret)).hex() == plain


@pytest.mark.parametrize(
    ("plain", "secret"),
    [(b"The qufc", "a826fd8ce53b855f"), (b"k brown ", "cce21c8112256fe6"), (b"fox jump", "68d5c05dd9b6b900")],
)
def test_triple_des(plain: bytes, secret: str) -> None:
    # the example is in ECB, which one block of CBC with an IV of zeros is
    cipher, key = CIPHERS["3des"], bytes.fromhex(TDES_KEY)
    assert cipher.encrypt(key, bytes(8), plain).hex() == secret
    assert cipher.decrypt(key, bytes(8), bytes.fromhex(secret)) == plain


def test_triple_des_chains() -> None:
    cipher, key = CIPHERS["3des"], bytes.fromhex(TDES_KEY)
    first = cipher.encrypt(key, b"initvect", b"The qufc")
    second = cipher.encrypt(key, first, b"k brown ")
    assert cipher.encrypt(key, b"initvect", b"The qufck brown ") == first + second


@pytest.mark.parametrize("cipher", CIPHERS.values(), ids=lambda each: each.name)
def test_only_whole_blocks_and_true_sizes(cipher: Cipher) -> None:
    key, iv = bytes(range(cipher.key_size)), bytes(cipher.block_size)
    for size in (1, cipher.block_size - 1, cipher.block_size + 1):
        with pytest.raises(ValueError, match="multiple of the block"):
            cipher.encrypt(key, iv, bytes(size))
        with pytest.raises(ValueError, match="multiple of the block"):
            cipher.decrypt(key, iv, bytes(size))
    assert cipher.encrypt(key, iv, b"") == b""
    assert cipher.decrypt(key, iv, cipher.encrypt(key, iv, bytes(64))) == bytes(64)
    with pytest.raises(ValueError, match="key"):
        cipher.encrypt(key + b"\0", iv, bytes(64))
    with pytest.raises(ValueError, match="IV"):
        cipher.encrypt(key, iv + b"\0", bytes(64))


def test_numbers() -> None:
    # RFC 2409 appendix A; 7 from IANA's ipsec-registry
    assert {each.name: (each.ike_id, each.key_size, each.block_size, each.key_length) for each in CIPHERS.values()} == {
        "3des": (5, 24, 8, 0),
        "aes128": (7, 16, 16, 128),
        "aes192": (7, 24, 16, 192),
        "aes256": (7, 32, 16, 256),
    }
    assert [each.name for each in CIPHERS.values() if each.weak] == ["3des"]

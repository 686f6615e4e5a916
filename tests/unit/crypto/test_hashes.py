"""Hashes and HMAC against FIPS 180, RFC 1321, RFC 2202 and RFC 4231."""

import pytest

from ikeview.crypto.hashes import HASHES

JEFE = (b"Jefe", b"what do ya want for nothing?")
LARGE = b"Test Using Larger Than Block-Size Key - Hash Key First"

HMACS = [
    ("md5", b"\x0b" * 16, b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
    ("md5", *JEFE, "750c783e6ab0b503eaa86e310a5db738"),
    ("md5", b"\xaa" * 80, LARGE, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"),
    ("sha1", b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    ("sha1", *JEFE, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ("sha1", b"\xaa" * 80, LARGE, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    ("sha256", b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("sha256", *JEFE, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("sha256", b"\xaa" * 131, LARGE, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    (
        "sha384",
        b"\x0b" * 20,
        b"Hi There",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
    ),
    (
        "sha384",
        *JEFE,
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        "sha512",
        b"\x0b" * 20,
        b"Hi There",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    (
        "sha512",
        *JEFE,
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    ),
]

ABC = {
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    "sha512": (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    ),
}


@pytest.mark.parametrize(("name", "key", "data", "digits"), HMACS)
def test_prf(name: str, key: bytes, data: bytes, digits: str) -> None:
    assert HASHES[name].prf(key, data).hex() == digits


@pytest.mark.parametrize("name", ABC)
def test_digest(name: str) -> None:
    assert HASHES[name].digest(b"abc").hex() == ABC[name]
    assert len(HASHES[name].digest(b"")) == HASHES[name].digest_size


def test_numbers() -> None:
    # RFC 2409 appendix A and IANA's ipsec-registry
    assert {each.name: each.ike_id for each in HASHES.values()} == {
        "md5": 1, "sha1": 2, "sha256": 4, "sha384": 5, "sha512": 6,
    }  # fmt: skip
    assert set(ABC) == set(HASHES)
    assert {each.name for each in HASHES.values() if each.weak} == {"md5", "sha1"}

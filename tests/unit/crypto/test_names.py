"""Distinguished names: from DER and from text, against the library and openssl's spellings; hostile DER."""

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.crypto.names import (
    MOST_OCTETS,
    BadName,
    element,
    name_text,
    normal_name,
    parse_name,
    read_name,
    same_name,
    take,
    write_name,
)
from tests.support.pki import name_of

CN = bytes.fromhex("0603550403")


def _named(*attributes: bytes) -> bytes:
    return element(0x30, b"".join(element(0x31, element(0x30, each)) for each in attributes))


@pytest.mark.parametrize(
    ("ours", "rfc4514"),
    [
        ("C=CH, O=ikeview, CN=gw", "CN=gw,O=ikeview,C=CH"),
        ("O=Fish\\, Chips, CN=gw", "CN=gw,O=Fish\\, Chips"),
        ("CN=a\\+b\\\\c\\\"d\\<e\\>f\\;g", 'CN=a\\+b\\\\c\\"d\\<e\\>f\\;g'),
        ("CN=\\20a\\20", "CN=\\ a\\ "),
        ("CN=\\20", "CN=\\ "),
        ("CN=\\#1", "CN=\\#1"),
        ("CN=a=b", "CN=a=b"),
        ("CN=Zürich €", "CN=Zürich €"),
        ("CN=a + O=b, L=c", "L=c,CN=a+O=b"),
        ("DC=example, DC=gw, UID=7", "UID=7,DC=gw,DC=example"),
    ],
)
def test_text_is_that_of_rfc_4514_from_the_other_end(ours: str, rfc4514: str) -> None:
    der = parse_name(ours)
    assert name_text(der) == ours
    library = x509.Name.from_rfc4514_string(rfc4514)
    assert same_name(library.public_bytes(), der)
    assert name_text(library.public_bytes()) == ours


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("c=CH,o=ikeview", "C=CH, O=ikeview"),
        ("countryName=CH, organizationName=x, commonName=y", "C=CH, O=x, CN=y"),
        ("E=a@b, email=c@d", "emailAddress=a@b, emailAddress=c@d"),
        ("ST=Bern, L=Thun, OU=x, GN=a, SN=b, serialNumber=7, T=Dr",
         "ST=Bern, L=Thun, OU=x, GN=a, SN=b, serialNumber=7, title=Dr"),
        ("unstructuredName=router.example", "unstructuredName=router.example"),
        ("oid.2.5.4.3=gw, 1.2.840.113549.1.9.1=a@b", "CN=gw, emailAddress=a@b"),
        ("1.3.6.1.4.1.99999.2.1000=x", "1.3.6.1.4.1.99999.2.1000=x"),
        ("2.999.1=x", "2.999.1=x"),
        ("/C=CH/O=Fish, Chips/CN=a\\/b", "C=CH, O=Fish\\, Chips, CN=a/b"),
        ("CN=#130141", "CN=A"),
        ("CN=#04020102", "CN=#04020102"),
        ("CN=\\ a\\ ", "CN=\\20a\\20"),
        ("CN = gw ; O = x", "CN=gw, O=x"),
        ('CN="a, b" , O="c\\"d"', 'CN=a\\, b, O=c\\"d'),
        ("CN=\\c3\\a9t\\c3\\a9", "CN=été"),
        ("CN=a\\0ab", "CN=a\\0ab"),
        ("CN=*", "CN=\\2a"),
        ("CN=a*", "CN=a*"),
    ],
)
def test_how_names_may_be_written(text: str, shown: str) -> None:
    der = parse_name(text)
    assert name_text(der) == shown
    assert same_name(parse_name(shown), der)
    assert write_name(read_name(der)) == der


@pytest.mark.parametrize(
    "text",
    ["", " ", "/", "x", "CN", "CN=", "CN= ", "=x", "CN=a,", "CN=a,,O=b", "CN=a, b", "XX=a", "CN=#", "CN=#zz",
     "CN=#1302",
     "CN=#3000", "CN=#130141ff", "CN=\"a", "CN=\"a\"b", "CN=a\\", "1=x", "9.1=x", "1.40=x", "1..2=x", "1.2.=x",
     "\u0661.2.3=x", "CN=\\ff", "CN=\ud800", "#", "#zz", "#30", "#3000ff", "1." + "9" * 100 + "=x",
     "1." * 40 + "1=x",
     "CN=a, " * 65 + "CN=a", "CN=" + "a" * MOST_OCTETS],
    ids=range(36),
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(BadName) as caught:
        parse_name(text)
    assert str(caught.value)


@pytest.mark.parametrize(
    "der",
    [
        b"", b"\x30", b"\x31\0", b"\x30\1", b"\x30\0\0", b"\x30\x80\0\0", b"\x30\x81\0", b"\x30\x82\0\1\0",
        b"\x30\x84\0\0\0\0", b"\x3f\x1f\0",
        element(0x30, b"\x31\0"), element(0x30, element(0x30, element(0x30, CN + b"\x0c\1a"))),
        element(0x30, element(0x31, element(0x31, CN + b"\x0c\1a"))),
        _named(b""), _named(CN), _named(CN + b"\x0c\2a"), _named(CN + b"\x0c\1a\0"), _named(CN + b"\x30\0"),
        _named(CN + b"\x2c\1a"), _named(CN + b"\x8c\1a"), _named(b"\x0c\1a" + CN), _named(b"\x06\0\x0c\1a"),
        _named(b"\x06\2\x55\x84\x0c\1a"), _named(b"\x06\3\x55\x80\4\x0c\1a"),
        _named(b"\x06\x21" + b"\1" * 33 + b"\x0c\1a"),
        _named(*[CN + b"\x0c\1a"] * 65), element(0x30, element(0x31, element(0x30, CN + b"\x0c\1a") * 65)),
        _named(CN + element(12, b"a" * MOST_OCTETS)),
    ],
    ids=range(28),
)  # fmt: skip
def test_what_is_no_der(der: bytes) -> None:
    with pytest.raises(BadName) as caught:
        read_name(der)
    assert str(caught.value)
    assert name_text(der) == f"#{der.hex()}" or (len(der) > 256 and name_text(der) == f"#{der[:256].hex()}...")
    assert not same_name(der, der)


def test_an_empty_name_is_one_of_a_kind() -> None:
    assert read_name(b"\x30\0") == ()
    assert name_text(b"\x30\0") == ""


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        (12, "Zürich".encode(), "Zürich"), (19, b"Bern", "Bern"), (20, b"Z\xfcrich", "Zürich"), (22, b"Bern", "Bern"),
        (30, "Zürich".encode("utf-16-be"), "Zürich"), (28, "Zürich".encode("utf-32-be"), "Zürich"),
        (18, b"12", "12"), (26, b"Bern", "Bern"),
    ],
)  # fmt: skip
def test_every_kind_of_string(tag: int, value: bytes, text: str) -> None:
    der = _named(CN + element(tag, value))
    assert name_text(der) == f"CN={text}"
    assert same_name(der, parse_name(f"CN={text.upper() if text.isascii() else text}"))


@pytest.mark.parametrize(
    ("tag", "value"), [(12, b"\xff"), (19, b"\xff"), (30, b"a"), (28, b"abc"), (4, b"a"), (3, b"\0a")]
)
def test_strings_that_are_none_are_shown_in_hex(tag: int, value: bytes) -> None:
    der = _named(CN + element(tag, value))
    assert name_text(der) == f"CN=#{element(tag, value).hex()}"
    assert parse_name(name_text(der)) == der
    assert same_name(der, der)
    assert not same_name(der, _named(CN + element(12, b"a")))


def test_names_of_a_peer_are_only_text() -> None:
    # K11: nothing in it is left to steer a terminal, a log or a screen
    for value in ("\x1b]52;c;x\x07", "a\nb", "a\0b", "\u202egw", "[red]x", "%n", "$(reboot)"):
        der = _named(CN + element(12, value.encode()))
        assert name_text(der).isprintable()
        assert parse_name(name_text(der)) == der or same_name(parse_name(name_text(der)), der)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_octets_are_read_or_refused(der: bytes) -> None:
    try:
        name = read_name(der)
    except BadName:
        return
    normal_name(name)
    assert same_name(der, der)


BASE = name_of("C=CH, O=ikeview, OU=a, CN=gw, emailAddress=a@b.example").public_bytes()


@settings(max_examples=500, deadline=None, derandomize=True)
@given(at=st.integers(0, len(BASE) - 1), value=st.integers(0, 255), cut=st.integers(0, len(BASE)))
def test_one_octet_changed_or_cut_off(at: int, value: int, cut: int) -> None:
    der = (BASE[:at] + bytes((value,)) + BASE[at + 1 :])[:cut]
    try:
        name = read_name(der)
    except BadName:
        return
    assert len(der) == len(BASE), "no part of it is a name"
    assert same_name(write_name(name), der)
    assert same_name(parse_name(name_text(der)), der)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["CN", "O", "emailAddress", "DC", "1.2.3"]), st.text(min_size=1, max_size=9)),
            min_size=1, max_size=2,
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_every_text_comes_back(parts: list[list[tuple[str, str]]]) -> None:
    # octets in, text, octets out: the same meaning, whatever the letters
    ids = {"CN": CN, "O": bytes.fromhex("060355040a"), "1.2.3": bytes.fromhex("06022a03"),
           "emailAddress": bytes.fromhex("06092a864886f70d010901"), "DC": bytes.fromhex("060a0992268993f22c640119")}
    try:
        encoded = [[element(0x30, ids[label] + element(12, text.encode())) for label, text in part] for part in parts]
    except UnicodeEncodeError:
        return
    der = element(0x30, b"".join(element(0x31, b"".join(sorted(part))) for part in encoded))
    assert same_name(parse_name(name_text(der)), der)


def test_lengths_of_elements() -> None:
    for size in (0, 1, 127, 128, 255, 256, 65535, 65536):
        made = element(4, bytes(size))
        assert take(made, 0, len(made)) == (4, len(made) - size, len(made))
        with pytest.raises(BadName):
            take(made, 0, len(made) - 1)
    with pytest.raises(BadName):
        take(b"\4\x84\1\0\0\0" + bytes(1 << 10), 0, 1 << 10)

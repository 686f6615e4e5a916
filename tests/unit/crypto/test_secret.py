"""A secret shows itself nowhere."""

import copy
import dataclasses
import io
import json
import pickle
import traceback

import pytest

from ikeview.crypto.esp import EspKeys
from ikeview.crypto.groups import GROUPS, Group
from ikeview.crypto.secret import Secret

VALUE = b"correct horse battery staple"
SHOWN = ("correct horse", VALUE.hex(), VALUE.hex().upper(), str(list(VALUE))[1:-1])


def _hides(text: str) -> bool:
    return not any(shown in text for shown in SHOWN)


@dataclasses.dataclass(frozen=True)
class Holder:
    """Something that has a secret among its fields."""

    secret: Secret


def test_texts() -> None:
    secret = Secret(VALUE)
    for text in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret!s:>40}",
        "%s %r" % (secret, secret),  # noqa: UP031
        "{0} {0!r} {0!a}".format(secret),  # noqa: UP032
        ascii(secret),
        repr([secret]),
        repr({"psk": secret}),
        repr(Holder(secret)),
        repr(EspKeys(secret, secret, secret)),
    ):
        assert "***" in text
        assert _hides(text)


def test_format_with_a_specification_is_refused() -> None:
    with pytest.raises(TypeError) as refusal:
        format(Secret(VALUE), "x")
    assert _hides(str(refusal.value))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("made", [Secret(VALUE), [Secret(VALUE)], Holder(Secret(VALUE))], ids=["it", "list", "field"])
def test_pickle_is_refused(made: object, protocol: int) -> None:
    stream = io.BytesIO()
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        pickle.dump(made, stream, protocol)
    assert VALUE not in stream.getvalue()


def test_copies_and_json_are_refused() -> None:
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a Secret is not pickled"):
            copied(Secret(VALUE))
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        dataclasses.asdict(Holder(Secret(VALUE)))
    with pytest.raises(TypeError, match="not JSON serializable") as refusal:
        json.dumps({"psk": Secret(VALUE)})
    assert _hides(str(refusal.value))


def test_traceback_with_locals() -> None:
    def fails(secret: Secret) -> None:
        holder = Holder(secret)
        raise RuntimeError(f"{holder} did not do")

    try:
        fails(Secret(VALUE))
    except RuntimeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret(***)" in text
    assert _hides(text)


def test_it_has_no_dict_and_lists_no_value() -> None:
    secret = Secret(VALUE)
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(AttributeError):
        secret.note = VALUE  # type: ignore[attr-defined]
    assert _hides(repr(dir(secret)))


def test_value_size_and_equality() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert len(Secret(VALUE)) == len(VALUE)
    assert Secret(VALUE) == Secret(bytes(list(VALUE)))
    assert Secret(VALUE) != Secret(VALUE + b"\0")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE), Secret(b"")}) == 2


def test_a_secret_does_not_follow_the_buffer_it_was_made_of() -> None:
    buffer = bytearray(VALUE)
    secret = Secret(buffer)  # type: ignore[arg-type]
    buffer[:] = bytes(len(buffer))
    assert secret.reveal() == VALUE


@pytest.mark.parametrize("group", GROUPS.values(), ids=str)
def test_key_pairs_show_neither_private_value_nor_secret(group: Group) -> None:
    private = bytes(range(65, 65 + 32)) * 4
    pair = group.key_pair(lambda count: private[:count])
    shared = pair.shared(group.key_pair().public)
    for text in (repr(pair), str(pair), repr(shared)):
        assert private[:8].hex() not in text
        assert private[:8].decode() not in text
        assert str(int.from_bytes(private[:32])) not in text
        assert shared.reveal().hex() not in text

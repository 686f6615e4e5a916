import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.settings.problems import BadValue
from ikeview.settings.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("8h", 28800), ("1d", 86400), ("1h30m", 5400), ("1d2h3m4s", 93784), ("0s", 0)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


NO_DURATIONS = ["", "10", "h", "1.5h", "-1s", "30m1h", "1h1h", " 1h", "1 h", "1w", "1H", "٣s", "9" * 5000 + "s"]


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_duration(text)
    assert "is no duration" in caught.value.text
    assert "8h" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("1B", 1),
        ("64kB", 64_000),
        ("64KB", 64_000),
        ("500MB", 500_000_000),
        ("4GB", 4_000_000_000),
        ("4 TB", 4_000_000_000_000),
        ("1KiB", 1024),
        ("512MiB", 512 << 20),
        ("2GiB", 2 << 30),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("4gb", "did you mean 4GB?"),
        ("2mib", "did you mean 2MiB?"),
        ("4", "write"),
        ("", "write"),
        ("4PB", "write"),
        ("-1GB", "write"),
        ("1.5GB", "write"),
    ],
)
def test_what_is_no_size(text: str, hint: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse_size(text)
    assert "is no size" in caught.value.text
    assert caught.value.hint.startswith(hint)


@given(st.integers(0, 10**8))
def test_a_formatted_duration_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**14))
def test_a_formatted_size_is_read_back(octets: int) -> None:
    assert parse_size(format_size(octets)) == octets


def test_formats_are_the_shortest() -> None:
    assert format_duration(5400) == "1h30m"
    assert format_duration(539.6) == "9m"
    assert [format_size(each) for each in (4 * 10**9, 2 << 30, 1500, 0)] == ["4GB", "2GiB", "1500B", "0B"]

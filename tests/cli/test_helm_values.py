"""A values file is read as Helm reads it: held against Helm itself."""

from typing import Any

import pytest
from hypothesis import given

from cli.helm_values import MAX_BYTES, Unreadable, read
from shared.canonical import yaml_bytes
from tests.charts.engine import values_through_helm
from tests.claims_strategies import TRAPS, values

# Not YAML to PyYAML, or a tag of nobody's, or a null that Helm drops.
REFUSED = frozenset(("!a", "\ta", "a\t", "{a}"))
NUMBERS = (
    *("0777", "08", "0o8", "0b101", "-0b11", "0b2", "0X1f", "-017", "+017", "1_0", "0x_1", "1.", "1.e3", "-.5", "+.5"),
    *("._5", ".5_0", "1__0", "--1", "0_7", "tRUE", "1e400", "1E+5", "12e03", "0.0", "1e-5", "0b", "0x", "+1_0", "1_"),
    *("_1", "1e1_0", "+0x1F", "-0o17", "0xFFFFFFFFFFFFFFFFFF", "2147483648", "1.5", "-1"),
)


def helms(content: bytes) -> dict[str, Any]:
    """As Helm has it, without what Helm adds and drops."""
    return {key: value for key, value in values_through_helm(content).items() if key != "global"}


@pytest.mark.parametrize("text", [one for one in (*TRAPS, *NUMBERS) if one not in REFUSED])
def test_plain_text_means_what_it_means_to_helm(text: str) -> None:
    """A hand edit is written without thought of quotes, and what it did in the cluster is what is kept."""
    content = f"a: {text}\n".encode()
    try:
        expected = helms(content)
    except Exception:  # noqa: BLE001 - what Helm does not read is whatever its library raises
        with pytest.raises(Unreadable):
            read(content)
        return
    try:
        found = {key: value for key, value in read(content).items() if value is not None}
    except Unreadable:
        assert text in (".inf", "-.INF", ".nan") or "\x00" in text or not text.isprintable(), "JSON cannot hold it"
        return
    floats = {key: float(one) if type(one) is int else one for key, one in found.items()}
    assert floats == {key: float(one) if type(one) is int else one for key, one in expected.items()}
    assert [type(one) is bool for one in found.values()] == [type(one) is bool for one in expected.values()]


@given(values())
def test_what_we_write_we_read(given_values: dict[str, Any]) -> None:
    content = yaml_bytes(given_values, sort_keys=True)
    assert yaml_bytes(read(content), sort_keys=True) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "it is not a map"),
        (b"a: [\n", "it is not YAML that Helm reads in line 2"),
        (b"a: &x [1]\nb: *x\n", "it uses an alias"),
        (b"a: !!python/object:os.system {}\n", "it is not YAML"),
        (b"1: a\n", "has the key 1"),
        (b"a: .inf\n", "a is inf|a is nan"),
        (b"\xff\n", "not UTF-8"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"a: " + b"x" * MAX_BYTES, "larger than"),
        (b"a: !!int x\n", "calls something a number"),
        (b"a: 1\n---\nb: 2\n", "it is not YAML"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_claim_cannot_hold_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        read(content)


def test_nothing_is_no_values() -> None:
    assert read(b"") == read(b"# only this\n") == {}


def test_merge_keys_of_a_map_written_out() -> None:
    assert read(b"a:\n  <<: {b: 1}\n  c: 2\n") == {"a": {"b": 1, "c": 2}}

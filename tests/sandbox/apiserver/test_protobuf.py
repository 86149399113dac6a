"""Protobuf bodies, built here byte by byte as kubectl writes them."""

import pytest

from sandbox.apiserver.errors import ApiError
from sandbox.apiserver.protobuf import decode


def field(number: int, value: bytes | int) -> bytes:
    """Write one field: bytes with their length, or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def body(kind: bytes, *fields: bytes) -> bytes:
    """Write a body around an object of the core group."""
    return b"k8s\0" + field(1, field(1, b"v1") + field(2, kind)) + field(2, b"".join(fields))


def test_secret() -> None:
    """Maps, bytes, times and empty strings."""
    entry = field(1, b"user") + field(2, b"bob")
    label = field(11, field(1, b"a") + field(2, b"b"))
    metadata = field(1, field(1, b"login") + field(2, b"") + label + field(8, b"") + field(14, b"x/y"))

    assert decode(body(b"Secret", metadata, field(2, entry), field(5, 1))) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "labels": {"a": "b"}, "finalizers": ["x/y"]},
        "data": {"user": "Ym9i"},
        "immutable": True,
    }


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{}", "does not appear to be a protobuf message"),
        (body(b"Pod"), "send JSON instead"),
        (body(b"Secret", field(15, b"x")), "send JSON instead"),
        (body(b"Secret", b"\x0d1234"), "send JSON instead"),
        (body(b"Secret")[:-1], "send JSON instead"),
    ],
    ids=["no prefix", "kind", "field", "wire type", "cut"],
)
def test_unreadable(data: bytes, says: str) -> None:
    """What the tables do not name is a 400 that says what to send."""
    with pytest.raises(ApiError) as caught:
        decode(data)
    assert caught.value.code == 400
    assert says in str(caught.value)

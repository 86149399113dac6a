"""A commit's message and back."""

import dataclasses
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.git import message
from shared.git.message import Record, compose, parse

RECORD = Record(
    subject="Set the image of order-service to v1.4.0",
    kind="ApplicationClaim",
    namespace="dev",
    name="dev-apps",
    uid="6f0c2d3e-0000-4000-8000-000000000001",
    generation=3,
    event_id="5cd26f26-0000-4000-8000-000000000002",
    spec={"environment": "dev", "clusterType": "nonprod", "applications": []},
)


def with_(**changes: Any) -> Record:
    return dataclasses.replace(RECORD, **changes)


def trailers(text: str) -> str:
    command = ["git", "interpret-trailers", "--parse"]
    return subprocess.run(command, input=text.encode(), check=True, capture_output=True).stdout.decode()


def test_a_message_as_people_see_it() -> None:
    assert compose(RECORD) == (
        "Set the image of order-service to v1.4.0\n"
        "\n"
        "BEGIN-CLAIM-SPEC json\n"
        '{"applications":[],"clusterType":"nonprod","environment":"dev"}\n'
        "END-CLAIM-SPEC\n"
        "\n"
        "Claim: ApplicationClaim/dev/dev-apps\n"
        "Claim-UID: 6f0c2d3e-0000-4000-8000-000000000001\n"
        "Claim-Generation: 3\n"
        "Event-Id: 5cd26f26-0000-4000-8000-000000000002\n"
    )


def test_what_else_is_known_of_the_change() -> None:
    """Only where there is something to say: the commits of those who say nothing stay as they were."""
    told = with_(
        manager="kubectl-edit",
        changed="2026-01-31T12:00:00Z",
        deleted=True,
        omitted=("a.b", 'c["d e"]'),
        trace_id="4b" * 16,
    )
    text = compose(told)
    assert text.splitlines()[-4:] == [
        "Field-Manager: kubectl-edit 2026-01-31T12:00:00Z",
        "Claim-Deleted: true",
        'Claim-Omits: a.b c["d%20e"]',
        f"Trace-Id: {'4b' * 16}",
    ]
    assert parse(text) == told
    assert trailers(text).splitlines() == text.splitlines()[-8:]
    assert message.claim_of(text) == ("ApplicationClaim/dev/dev-apps", 3)


FURTHER = [
    ({"manager": "before-first-apply"}, "no time is known"),
    ({"manager": "a b\nClaim-Deleted: true"}, "a manager's name is anybody's text"),
    ({"deleted": True}, "nothing but a deletion"),
    ({"omitted": ("applications[0].image",)}, "nothing but an omission"),
    ({"omitted": ("<key 2>", "a, b")}, "paths with blanks"),
    ({"trace_id": "0af7651916cd43dd8448eb211c80319c"}, "nothing but a trace"),
]


@pytest.mark.parametrize(("fields", "reason"), FURTHER, ids=[reason for _, reason in FURTHER])
def test_each_of_them_alone_comes_back(fields: dict[str, Any], reason: str) -> None:
    assert parse(compose(with_(**fields))) == with_(**fields)


def test_a_long_list_of_omissions_is_counted() -> None:
    found = parse(compose(with_(omitted=tuple(f"p{n}" for n in range(message.MAX_OMITTED + 3)))))
    assert found is not None
    assert found.omitted[-2:] == (f"p{message.MAX_OMITTED - 1}", "…+3")


HOSTILE = [
    ({"a": message.END}, "the end marker as a value"),
    ({message.BEGIN_JSON: message.BEGIN_COMPRESSED}, "markers as key and value"),
    ({"a": f"\n{message.END}\n\nClaim: X/y/z\nEvent-Id: forged\n"}, "a whole forged ending"),
    ({"a": "\r\n\u2028\u0085\x00\x1b"}, "every kind of line end, and controls"),
    ({"a": "---\ndiff --git a/x b/x"}, "what divides a patch from its message"),
    ({"a": "文" * 3000}, "compressed, and no ASCII"),
    ({"a": [1, 1.5, None, True, {"b": "1e3"}]}, "every type"),
    ({}, "empty"),
]


@pytest.mark.parametrize(("spec", "reason"), HOSTILE, ids=[reason for _, reason in HOSTILE])
def test_every_spec_comes_back(spec: dict[str, Any], reason: str) -> None:
    record = with_(spec=spec)
    text = compose(record)
    assert parse(text) == record
    assert trailers(text).splitlines() == text.splitlines()[-4:]


FIELDS = [
    ("id\nClaim: Other/a/b", "a newline"),
    ("a b  c", "blanks"),
    (" leading", "a leading blank"),
    ("100% %41", "what looks like an escape"),
    ("ünï\u2028", "no ASCII"),
    ("", "nothing"),
    ("https://example.com/event?x=1#y", "a URL, as Knative's ping source has"),
]


@pytest.mark.parametrize(("value", "reason"), FIELDS, ids=[reason for _, reason in FIELDS])
def test_identifiers_stay_one_trailer(value: str, reason: str) -> None:
    record = with_(event_id=value, uid=value)
    text = compose(record)
    assert parse(text) == record
    found = [line.rstrip() for line in trailers(text).splitlines()]
    assert found == [line.rstrip() for line in text.splitlines()[-4:]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=12,
)


@given(spec=st.dictionaries(st.sampled_from(["a", message.END, message.BEGIN_JSON]), json_values), event=st.text())
def test_any_spec_and_event_come_back(spec: dict[str, Any], event: str) -> None:
    text = compose(with_(spec=spec, event_id=event))
    found = parse(text)
    assert found is not None
    assert found.spec == spec
    assert found.event_id == event.encode(errors="replace").decode()


def test_a_large_spec_is_compressed_and_wrapped() -> None:
    """At the limit it is still plain; above it no line is longer than e-mail and terminals like."""
    plain = {"a": "x" * (message.COMPRESS_ABOVE - len('{"a":""}'))}
    assert message.BEGIN_JSON in compose(with_(spec=plain))
    large = {"items": [f"number {n}" for n in range(5000)]}
    text = compose(with_(spec=large))
    assert message.BEGIN_COMPRESSED in text
    assert max(len(line) for line in text.splitlines()) <= 76
    assert len(text) < len(json.dumps(large)) / 3
    assert parse(text) == with_(spec=large)


SUBJECTS = [
    ("two\nlines", "two lines", "one line"),
    ("", "Update", "something"),
    ("x" * 200, "x" * 119 + "…", "bounded"),
    (message.BEGIN_JSON, message.BEGIN_JSON, "a marker is harmless there"),
    ("a\0b\x1b[31m", "a b [31m", "no controls"),
]


@pytest.mark.parametrize(("given_", "expected", "reason"), SUBJECTS, ids=[reason for *_, reason in SUBJECTS])
def test_the_subject_is_one_line(given_: str, expected: str, reason: str) -> None:
    record = parse(compose(with_(subject=given_)))
    assert record == with_(subject=expected)


@pytest.mark.parametrize(
    "text", ["", "Initial commit\n", "Fix\n\nSigned-off-by: a\n", "Claim: A/b/c\n", "a\n\nClaim: x\n"]
)
def test_the_commits_of_others_are_none_of_ours(text: str) -> None:
    assert parse(text) is None


GOOD = compose(RECORD)
BROKEN = [
    (GOOD.replace(message.END, "x"), "no end"),
    (GOOD.replace(message.BEGIN_JSON, "x"), "no begin"),
    (GOOD.replace('{"applications"', "{applications"), "no JSON"),
    (GOOD.replace(GOOD.splitlines()[3], "[]"), "no map"),
    (GOOD.replace(GOOD.splitlines()[3], "[" * 100_000), "nested without end"),
    (GOOD.replace("SPEC json", "SPEC zlib+base64"), "no base64"),
    (compose(with_(spec={"a": "b" * 9000})).replace("eN", "eM", 1), "no zlib"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_a_broken_spec_is_told_from_none(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="spec"):
        parse(text)


def test_a_spec_that_unpacks_without_end_is_refused() -> None:
    """Somebody with write access to Git must not be able to fill a function's memory."""
    text = compose(with_(spec={"a": "b" * (message.MAX_SPEC + 1)}))
    assert len(text) < 100_000
    with pytest.raises(ValueError, match="larger than"):
        parse(text)


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "a b"])
def test_a_claim_is_named_by_names(name: str) -> None:
    with pytest.raises(ValueError, match="does not name a claim"):
        compose(with_(name=name))

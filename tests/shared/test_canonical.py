"""One document, one text: and Helm and PyYAML read in it what was meant."""

import enum
import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.canonical import MAX_DEPTH, json_bytes, yaml_bytes
from tests.charts.engine import values_through_helm


def _words(text: str) -> list[str]:
    """A table of words without blanks, read more easily than a list of them."""
    return text.split()


NUMBER_LIKE = _words(
    "1e3 1E3 1e-07 12e4567 0o17 017 08 0x1F 0b1 1_000 1. .5 1.5 +1 -1 nan .nan .inf -.INF 12:30:45 1:20 190:20:30.15 "
    "2020-01-01 2001-12-14t21:59:43.10-05:00 1.2.3 10Gi 500m 1.5Ki 1e3Mi 1E 2E sha256:1e3"
)
WORDS = _words("on On OFF yes No y N true FALSE null Null ~ v1.2.3 http://gitea-http.gitea.svc:3000")
SYNTAX = _words(
    "<< = ! !!str &a *a | > # : :a a: - -a ? --- ... %YAML @ ` {} [] [a {a , ' \" \\ \\u0041 it's % {{ }} a#b a,b"
)
BLANKS = ["", " ", " lead", "trail ", "a b", "a #b", "# a", ": ", "a: b", "- x", "? x", "{{ .Values }}", "\t", "a\tb"]
LINES = ["\n", "a\nb\n", "a\r\nb", "a\n---\nb", "\u0085", "\u2028", "\u2029"]
UNPRINTABLE = ["\x00", "\x07", "\x1b", "\x7f", "\x9f", "\ufeff", "\ufffe", "\uffff"]
FOREIGN = ["\u00a0", "é", "e\u0301", "😀", "\U0010ffff"]
LONG = ["a" * 2000, "a b " * 700]
TRAPS = [*NUMBER_LIKE, *WORDS, *SYNTAX, *BLANKS, *LINES, *UNPRINTABLE, *FOREIGN, *LONG]

texts = st.one_of(
    st.sampled_from(TRAPS), st.text(st.characters(exclude_categories=["Cs"])), st.from_regex(r"[-+]?[0-9._eExobX:]+")
)
whole_numbers = st.integers(min_value=-(2**53), max_value=2**53)
fractions = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
scalars = st.one_of(texts, st.booleans(), whole_numbers, fractions)
undated = settings(deadline=None)  # a busy machine is no failure
documents = st.dictionaries(
    texts.filter(lambda key: key != "global"),
    st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8),
)


def test_the_seeds_example_stays_plain() -> None:
    """A person reads these files, so nothing is quoted that needs no quotes."""
    document = {
        "image": {"repository": "ghcr.io/infraforge/ecommerce-platform", "tag": "v1.2.3", "pullPolicy": "IfNotPresent"},
        "replicas": 2,
        "ingress": {"enabled": True, "host": "ecommerce-dev.example.com"},
    }
    expected = """\
image:
  repository: ghcr.io/infraforge/ecommerce-platform
  tag: v1.2.3
  pullPolicy: IfNotPresent
replicas: 2
ingress:
  enabled: true
  host: ecommerce-dev.example.com
"""
    assert expected == yaml_bytes(document, sort_keys=False).decode()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {"a": [{"b": 1, "c": 2}, "d"]}, "a:\n  - b: 1\n    c: 2\n  - d\n", id="lists are indented under their key"
        ),
        pytest.param({"a": [["b", "c"], []]}, "a:\n  - - b\n    - c\n  - []\n", id="a list in a list"),
        pytest.param({"a": {}, "b": [], "c": None}, "a: {}\nb: []\nc: null\n", id="nothing is said in flow style"),
        pytest.param(
            {"on": 1, "1": 2, "null": 3}, '"1": 2\n"null": 3\n"on": 1\n', id="keys are quoted by the rule of values"
        ),
        pytest.param(
            {"a": 1.0, "b": 1e20, "c": -0.0}, "a: 1\nb: 100000000000000000000\nc: 0\n", id="whole floats are whole"
        ),
        pytest.param(
            {"a": 1e21, "b": 1e-7, "c": 0.5}, "a: 1.0e+21\nb: 1.0e-07\nc: 0.5\n", id="an exponent follows a point"
        ),
        pytest.param({"a": "b " * 100}, f'a: "{"b " * 100}"\n', id="a long line is not folded"),
        pytest.param({"k" * 1025: {"a": 1}}, f"? {'k' * 1025}\n:\n  a: 1\n", id="a key too long for `key: value`"),
        pytest.param({"a": "\x1b\x85\u2028"}, 'a: "\\u001b\\u0085\\u2028"\n', id="what does not print is escaped"),
        pytest.param("é", '"é"\n', id="what prints stands as it is"),
        pytest.param([], "[]\n", id="any JSON is a document"),
    ],
)
def test_yaml_text(document: object, expected: str) -> None:
    assert expected == yaml_bytes(document, sort_keys=True).decode()


def test_keys_are_sorted_at_every_level_or_at_none() -> None:
    document = {"b": [{"d": 1, "c": 2}], "a": 3}

    sorted_text, given_text = b"a: 3\nb:\n  - c: 2\n    d: 1\n", b"b:\n  - d: 1\n    c: 2\na: 3\n"

    assert sorted_text == yaml_bytes(document, sort_keys=True)
    assert given_text == yaml_bytes(document, sort_keys=False)


def test_equal_values_share_no_anchor() -> None:
    """PyYAML would write the second as an alias of the first."""
    shared = {"a": [1]}
    expected = b"v:\n  a:\n    - 1\nw:\n  a:\n    - 1\n"

    assert expected == yaml_bytes({"v": shared, "w": shared}, sort_keys=True)


class _Policy(enum.StrEnum):
    ALWAYS = "Always"


def _deep() -> list[Any]:
    document: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        document = [document]
    return document


@pytest.mark.parametrize(
    "to_bytes", [json_bytes, lambda document: yaml_bytes(document, sort_keys=True)], ids=["json", "yaml"]
)
@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": {"b": [0, math.nan]}}, r"a\.b\[1\] is nan, which JSON cannot hold"),
        ({"a": -math.inf}, "a is -inf, which JSON cannot hold"),
        (math.inf, "the document is inf, which JSON cannot hold"),
        ({"a": {True: 1}}, "a has the key True, a bool: quote it"),
        ({1: 1}, "the document has the key 1, a int: quote it"),
        ({"a": [b"x"]}, r"a\[0\] is a bytes, which JSON cannot hold"),
        ({"a": {"b"}}, "a is a set, which JSON cannot hold"),
        ({"a": "\ud800"}, "a holds half a surrogate pair, which is no character"),
        ({"a": {"\ud800": 1}}, "a holds half a surrogate pair, which is no character"),
        ({"a": 10**400}, "a is a number too large for JSON"),
        (_deep(), "is nested deeper than 100 levels"),
    ],
)
def test_refusals_name_the_path(to_bytes: Any, document: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_bytes(document)


def test_json_is_canonical() -> None:
    document = {"b": (1.0, _Policy.ALWAYS), "a": {"é": None, "<": True}}

    assert '{"a":{"<":true,"é":null},"b":[1,"Always"]}'.encode() == json_bytes(document)


@pytest.mark.parametrize("text", TRAPS)
def test_a_trap_is_the_same_string_to_helm_and_to_pyyaml(text: str) -> None:
    """As a value, in a list and as a key."""
    document = {"value": text, "list": [text], "map": {text: text}}

    written = yaml_bytes(document, sort_keys=False)

    assert document == values_through_helm(written)
    assert document == yaml.safe_load(written)


@given(documents)
@undated
def test_any_document_comes_back_unchanged(document: dict[str, Any]) -> None:
    """From `toJson` in real Helm, and from PyYAML with its keys in the order given."""
    written = yaml_bytes(document, sort_keys=False)

    assert document == values_through_helm(written)
    assert document == yaml.safe_load(written)
    assert list(document) == list(yaml.safe_load(written))


@given(documents)
@undated
def test_any_document_is_one_text(document: dict[str, Any]) -> None:
    """Whatever order the keys came in, and also after a round trip through a reader."""
    written = yaml_bytes(document, sort_keys=True)

    assert written == yaml_bytes(dict(reversed(document.items())), sort_keys=True)
    assert written == yaml_bytes(yaml.safe_load(written), sort_keys=True)
    assert written == yaml_bytes(json.loads(json_bytes(document)), sort_keys=True)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@undated
def test_a_number_is_the_same_float64_to_helm_to_pyyaml_and_in_json(number: float) -> None:
    """Helm holds every number as one, and so does JSON in Go and JavaScript."""
    written = yaml_bytes({"n": number}, sort_keys=True)

    assert float(number) == float(values_through_helm(written)["n"])
    assert float(number) == float(yaml.safe_load(written)["n"])
    assert float(number) == float(json.loads(json_bytes({"n": number}))["n"])

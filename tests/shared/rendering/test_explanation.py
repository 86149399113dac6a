"""Helm's messages in the claim's terms: those of every bad value that the charts' tests know, and a table of forms."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.charts import Chart, self_contained
from shared.helm import Engine, RenderFailed
from shared.rendering.explanation import MAX_HELM, MAX_TOLD, SCHEMA, explain, fault
from shared.rendering.places import Values

ROOT = Path(__file__).parents[3]
CHARTS_TESTS = ROOT / "tests" / "charts"
BAD = [
    pytest.param(folder, row, case, id=f"{case['chart']}-{number}")
    for folder, row, path in (
        ("charts", "applications[0]", "bad-values.yaml"),
        ("platform-charts", "services[0]", "golden/platform/bad-values.yaml"),
    )
    for number, case in enumerate(yaml.safe_load((CHARTS_TESTS / path).read_text()))
]
PLACE = re.compile(r"(applications|services)\[0\]\.(values\b|image\b)[\w.\[\]\"/ =-]*")
LOCATION = re.compile(r"templates/|\.yaml:|\.tpl|at '/|execution error|executing")
CHARTS: dict[tuple[str, str], Chart] = {}


def chart_of(folder: str, name: str) -> Chart:
    if (folder, name) not in CHARTS:
        CHARTS[folder, name] = self_contained(ROOT / folder / name)
    return CHARTS[folder, name]


def helms_message(chart: Chart, values: str) -> str:
    engine = Engine.load()
    assert engine is not None
    with pytest.raises(RenderFailed) as refused:
        engine.render(chart, release="dev-some-release", namespace="dev", values=values.encode())
    return str(refused.value)


@pytest.mark.parametrize(("folder", "row", "case"), BAD)
def test_every_bad_value_is_told_at_its_place_in_the_claim(folder: str, row: str, case: dict[str, str]) -> None:
    chart = chart_of(folder, case["chart"])
    given = yaml.safe_load(case["values"]) or {}
    said = helms_message(chart, case["values"])

    told = explain(said, case["chart"], Values(row, given, yaml.safe_load(chart["values.yaml"])))
    plain, _, helm = told.partition(" (helm: ")

    assert (place := PLACE.match(plain)), told
    assert any(str(key) in place[0] for key in given), told
    assert len(plain) > len(place[0]) + 5, f"no reason: {told}"
    assert not LOCATION.search(plain), told
    assert "is refused: " not in plain, f"a form that nobody put into words: {told}"
    assert helm.endswith(")") or Values(row, given, {}).secrets, told


def test_there_are_as_many_bad_values_as_the_charts_tests_know() -> None:
    assert len(BAD) > 200


GIVEN: dict[str, Any] = {
    "x": 4,
    "word": "it's",
    "list": [1, 1],
    "map": {"a": 1, "a.b/c~d": 1},
    "sub": {"a": 1},
    "work mem": 1,
    "image": {"tag": 1.1},
    "pod": [{"name": "a"}],
}
DEFAULTS: dict[str, Any] = {"replicas": 1, "ingress": {"host": "", "enabled": False}, "x": 1}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("at '/x': maximum: got 5,000, want 1,000", "values.x: 4 is above 1000"),
        ("at '/x': exclusiveMinimum: got 4, want 4", "values.x: 4 is not above 4"),
        ("at '/x': exclusiveMaximum: got 4, want 3.5", "values.x: 4 is not below 3.5"),
        ("at '/x': multipleOf: got 4, want 3", "values.x: 4 is not a multiple of 3"),
        ("at '/x': got number, want null or string", "values.x: 4 is a number, not null or a string"),
        ("at '/x': value must be 3", "values.x: 4 is not 3"),
        ("at '/x': 'const' failed", "values.x: 4 is none of what the chart allows"),
        ("at '/x': 'enum' failed", "values.x: 4 is none of what the chart allows"),
        ("at '/x': value must be one of 'a', <nil>, true, 5000.5", "values.x: 4 is none of a, <nil>, true, 5000.5"),
        ("at '/word': 'it\\'s' is not valid email: no @", 'values.word: "it\'s" is not a valid email'),
        ("at '/word': 'it\\'s' does not match pattern '^\\\\w\\'+$'", "values.word: \"it's\" does not match ^\\w'+$"),
        (
            "at '/word': maxLength: got 4, want 3",
            'values.word: "it\'s" has 4 characters, and the chart wants at most 3',
        ),
        ("at '/list': maxItems: got 2, want 1", "values.list: has 2 entries, and the chart wants at most 1"),
        ("at '/list': minItems: got 1, want 3", "values.list: has 1 entry, and the chart wants at least 3"),
        ("at '/list': items at 0 and 1 are equal", "values.list: has the same entry twice, at 0 and 1"),
        ("at '/list': no items match contains schema", "values.list: lacks an entry that the chart needs"),
        ("at '/map/a.b~1c~0d': false schema", 'values.map["a.b/c~d"]: is not allowed by the chart'),
        (
            "at '/map': missing properties 'p', 'q'",
            "values.map.p: is missing; applications[2].values.map.q: is missing",
        ),
        (
            "at '': additional properties 'replica' not allowed",
            "values.replica: is not known to the chart; did you mean replicas?",
        ),
        ("at '': invalid propertyName 'work mem'", 'values["work mem"]: is a name that the chart does not allow there'),
        ("at '/image/tag': got number, want string", "image.tag: 1.1 is a number, not a string: put it in quotes"),
        ("at '/pod/0/name': got string, want object", 'values.pod[0].name: "a" is a string, not a map'),
        ("at '/pod/0/port': false schema", "values.pod[0].port: is not allowed by the chart"),
        (
            "at '/ingress/host': minLength: got 0, want 1",
            "values.ingress.host: is empty, and the chart wants at least 1",
        ),
        (
            "at '/x': max 1 items required to match contains schema",
            "values.x: 4 is refused: max 1 items required to match contains schema",
        ),
        (
            "at '/x': 'allOf' failed\n  - at '/x': minimum: got 4, want 5\n  - at '/x': maximum: got 4, want 3",
            "values.x: 4 is below 5; applications[2].values.x: 4 is above 3",
        ),
        (
            "at '/x': 'oneOf' failed, none matched\n  - at '/x': validation failed\n"
            "    - at '/x': got number, want string\n  - at '/x/y': false schema",
            "values.x: 4 fits no form that the chart allows: is a number, not a string: put it in quotes; "
            "y is not allowed by the chart",
        ),
    ],
)
def test_a_line_of_the_schemas(line: str, expected: str) -> None:
    said = f"{SCHEMA}\nshop:\n- {line}\n"

    told = explain(said, "shop", Values("applications[2]", GIVEN, DEFAULTS))

    assert told.partition(" (helm: ")[0] == f"applications[2].{expected}"
    assert "(helm: shop: - at '" in told


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            "execution error at (shop/templates/a.yaml:1:3): ingress.host is empty: name the host",
            "values.ingress.host is empty: name the host",
            id="our charts begin with the place",
        ),
        pytest.param(
            "execution error at (shop/templates/a.yaml:1:3): pod[1].name: a is listed twice",
            "values.pod[1].name: a is listed twice",
            id="and with one in a list",
        ),
        pytest.param(
            "execution error at (shop/templates/a.yaml:1:3): A password is required!",
            "values: A password is required!",
            id="others say what they like",
        ),
        pytest.param(
            "execution error at (shop/templates/a.yaml:1:3): x",
            "values: x",
            id="one word is no place",
        ),
        pytest.param(
            'shop/templates/a.yaml:1:10\n  executing "shop/templates/a.yaml" at <.Values.a.b.c>:\n'
            "    nil pointer evaluating interface {}.b",
            "values.a.b: is missing, and the chart's templates need it",
            id="something on the way is missing",
        ),
        pytest.param(
            'shop/templates/a.yaml:1:10\n  executing "shop/templates/a.yaml" at <.Values.x.b.c>:\n'
            "    can't evaluate field b in type interface {}",
            "values.x: 4 is not a map, as the chart's templates need it",
            id="something on the way is no map",
        ),
        pytest.param(
            'template: shop/templates/a.yaml:1:6: executing "shop/templates/a.yaml" at <gt .Values.word 3>: error '
            "calling gt: incompatible types for comparison: string and int",
            "values.word: \"it's\" makes the chart's templates fail",
            id="a function that does not take it",
        ),
        pytest.param(
            'template: shop/templates/a.yaml:1:3: executing "shop/templates/a.yaml" at <include "f" .>: error calling '
            'include: template: shop/templates/_f.tpl:1:9: executing "f" at <.Values.map.a.z>: can\'t evaluate field z '
            "in type interface {}",
            "values.map.a: 1 is not a map, as the chart's templates need it",
            id="inside of what is included",
        ),
        pytest.param(
            'parse error at (shop/templates/a.yaml:1): function "nofunc" not defined',
            "chart: its templates cannot be read",
            id="a template that is none",
        ),
        pytest.param(
            'shop/templates/a.yaml:1:42\n  executing "shop/templates/a.yaml" at <{{template "zz"}}>:\n    '
            'template "zz" not defined',
            "chart: it does not render",
            id="nothing to do with a value",
        ),
        pytest.param(
            f'{SCHEMA}\nshop:\n"file:///values.schema.json#" is not valid against metaschema: jsonschema validation '
            "failed",
            "chart: its values.schema.json cannot be used",
            id="a schema that is none",
        ),
        pytest.param("chart.metadata.version is required", "chart: it does not render", id="no chart"),
    ],
)
def test_other_messages(said: str, expected: str) -> None:
    told = explain(said, "shop", Values("applications[2]", GIVEN, DEFAULTS))

    plain, _, helm = told.partition(" (helm: ")
    assert plain == f"applications[2].{expected}"
    assert helm


def test_a_dependencys_values_are_under_its_name() -> None:
    said = f"{SCHEMA}\nshop:\n- at '/x': got number, want string\nsub:\n- at '/a': got number, want string\n"

    told = explain(said, "shop", Values("applications[0]", GIVEN, {})).partition(" (helm")[0]

    assert told == (
        "applications[0].values.x: 4 is a number, not a string: put it in quotes; "
        "applications[0].values.sub.a: 1 is a number, not a string: put it in quotes"
    )


def test_a_claim_whose_spec_is_the_values() -> None:
    """An InfrastructureClaim."""
    said = f"{SCHEMA}\nnamespaces:\n- at '/namespaces/0/name': 'not' failed\n"

    told = explain(said, "namespaces", Values("", {"namespaces": [{"name": "kube-system"}]}, {}))

    assert told.startswith('namespaces[0].name: "kube-system" is not allowed by the chart (helm: ')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("at '/namespaces/0/name': 'not' failed", 'namespaces[4].name: "kube-system" is not allowed by the chart'),
        ("at '/namespaces/0/access/0/kind': false schema", "namespaces[4].access[0].kind: is not allowed by the chart"),
        (
            "at '': invalid propertyName 'a/b'",
            'namespaces[4].labels["a/b"]: is a name that the chart does not allow there',
        ),
        ("at '/namespaces': minItems: got 1, want 2", "namespaces: has 1 entry, and the chart wants at least 2"),
    ],
)
def test_one_namespace_of_a_claim(line: str, expected: str) -> None:
    """Rendered alone, so that a bad one does not hold back its neighbours."""
    given = {"namespaces": [{"name": "kube-system", "labels": {"a/b": "x"}, "access": [{"kind": "Robot"}]}]}

    told = explain(f"{SCHEMA}\nnamespaces:\n- {line}\n", "namespaces", Values("namespaces[4]", given, {}))

    assert told.partition(" (helm")[0] == expected


def test_a_services_image_is_one_of_its_values() -> None:
    said = f"{SCHEMA}\nshop:\n- at '/image/tag': got number, want string\n"

    assert explain(said, "shop", Values("services[1]", GIVEN, {})).startswith("services[1].values.image.tag: 1.1 is")


def test_many_problems_are_counted() -> None:
    lines = [f"- at '/k{number}': got number, want string" for number in range(40)]

    told = explain("\n".join([SCHEMA, "shop:", *lines]), "shop", Values("applications[0]", {}, {}))

    assert "and 35 more (helm: " in told
    assert len(told) <= MAX_TOLD + MAX_HELM + len(" (helm: )")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            {"auth": {"password": "hunter2-7f3"}},
            f"{SCHEMA}\nshop:\n- at '/auth/password': 'hunter2-7f3' does not match pattern '^$'\n",
            id="in a schema's message",
        ),
        pytest.param(
            {"auth": {"password": "hunter2-7f3"}},
            "execution error at (shop/templates/a.yaml:1:3): auth.password is hunter2-7f3",
            id="in a chart's own message",
        ),
        pytest.param(
            {"env": [{"name": "DB_PASSWORD", "value": "hunter2-7f3"}]},
            f"{SCHEMA}\nshop:\n- at '/env/0/value': 'hunter2-7f3' does not match pattern '^$'\n",
            id="what its neighbour calls a password",
        ),
        pytest.param(
            {"auth": {"password": 7302217}},
            f"{SCHEMA}\nshop:\n- at '/auth/password': got number, want string\n",
            id="a number",
        ),
        pytest.param(
            {"x": 1},
            "execution error at (shop/templates/a.yaml:1:3): x: postgres://admin:hunter2-7f3@db:5432/shop",
            id="one that the chart itself brings",
        ),
        pytest.param(
            {"x": 1},
            f"{SCHEMA}\nshop:\n- at '': additional properties 'ghp_hunter2-7f3aB3dE5gH7jK9mN1pQ3sT5vW7y' not allowed\n",
            id="a name",
        ),
    ],
)
def test_no_credential_is_quoted(given: dict[str, Any], said: str) -> None:
    given["token"] = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5" if "ghp_" in said else "none"
    said = said.replace("ghp_hunter2-7f3aB3dE5gH7jK9mN1pQ3sT5vW7y", str(given["token"]))

    told = explain(said, "shop", Values("applications[0]", given, {}))

    assert told.startswith("applications[0].values")
    for secret in ("hunter2", "7302217", "ghp_"):
        assert secret not in told


def test_a_chart_that_is_no_good_whatever_the_values() -> None:
    told = fault("it renders no Kubernetes objects", Values("applications[0]", {}, {}), "what Helm says")

    assert told == "applications[0].chart: it renders no Kubernetes objects (helm: what Helm says)"

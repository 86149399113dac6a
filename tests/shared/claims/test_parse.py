"""Documents become claims, or one bounded line without secrets."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.claims import ApplicationClaim, BootstrapClaim, Destination, parse, place
from shared.claims.parse import MAX_PROBLEMS, read
from shared.errors import InvalidClaim
from tests.claims_strategies import application_claims, bootstrap_claims, platform_claims
from tests.shared.claims.admission import SCHEMAS, defaulted, faults
from tests.shared.claims.examples import APPLICATION, BOOTSTRAP, EXAMPLES, PLATFORM, REMOVED, changed

ANY_CLAIM = application_claims() | platform_claims() | bootstrap_claims()


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_what_they_were(name: str) -> None:
    """An example passes the schema, and comes out of the model as it went in."""
    example = EXAMPLES[name]

    assert faults(example) == []
    assert example == parse(example["kind"], example).model_dump(exclude_unset=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_defaults_of_schema_and_model_agree(name: str) -> None:
    """A claim from Git, where no API server filled the gaps, is the claim that the cluster holds."""
    example = EXAMPLES[name]
    filled = defaulted(example, SCHEMAS[example["kind"]])

    assert parse(example["kind"], filled) == parse(example["kind"], example)
    assert parse(example["kind"], filled).model_dump(exclude_unset=True) == filled


def test_null_is_absent() -> None:
    """As an API server takes it, but for nulls among the values, which mean something to Helm."""
    application = {**APPLICATION["spec"]["applications"][1], "values": None, "bindings": None}
    nulls = changed(APPLICATION | {"status": None}, "spec.applications.1", application)
    nulls = changed(nulls, "spec.imagePolicy", None)
    nulls = changed(nulls, "spec.applications.0.values", {"a": None})
    absent = changed(APPLICATION, "spec.applications.1.values", REMOVED)
    absent = changed(absent, "spec.applications.0.values", {"a": None})

    assert faults(nulls) == []
    assert parse("ApplicationClaim", nulls) == parse("ApplicationClaim", absent)


@settings(deadline=None)  # the machine may be busy
@given(ANY_CLAIM)
def test_any_valid_claim_is_what_it_was(document: dict[str, Any]) -> None:
    """Whatever the strategies make, traps included, both accept, and nothing changes on the way."""
    filled = defaulted(document, SCHEMAS[document["kind"]])

    assert faults(document) == []
    assert document == parse(document["kind"], document).model_dump(exclude_unset=True)
    assert parse(document["kind"], filled) == parse(document["kind"], document)


def test_absent_fields_have_their_defaults() -> None:
    claim = parse("ApplicationClaim", changed(APPLICATION, "spec.applications.0.chart", {"name": "c"}))

    assert isinstance(claim, ApplicationClaim)
    first = claim.spec.applications[0]
    assert (
        claim.spec.imagePolicy,
        first.chart.source,
        first.image.pullPolicy,
        first.bindings,
    ) == ("Tag", "embedded", "IfNotPresent", [])
    assert (claim.status.conditions, claim.status.commit, claim.metadata.deletionTimestamp) == ([], None, None)


def test_what_an_api_server_adds_is_read_or_ignored() -> None:
    """Metadata and status that nobody here knows are no fault, and null is an empty status."""
    metadata = {**BOOTSTRAP["metadata"], "uid": "u", "generation": 3, "managedFields": [{}], "labels": None}
    live = BOOTSTRAP | {"metadata": metadata, "status": None}

    claim = parse("BootstrapClaim", live)

    assert (
        claim.metadata.uid,
        claim.metadata.generation,
        claim.metadata.labels,
        claim.status.conditions,
    ) == ("u", 3, {}, [])


def test_destination() -> None:
    claim = parse("BootstrapClaim", changed(BOOTSTRAP, "spec.clusters.1.destination", {"name": "eu-1"}))

    assert isinstance(claim, BootstrapClaim)
    assert [None, Destination(name="eu-1")] == [cluster.destination for cluster in claim.spec.clusters]


def test_a_kind_that_is_none() -> None:
    with pytest.raises(InvalidClaim) as refusal:
        parse("Foo", APPLICATION)

    assert (
        str(refusal.value)
        == 'kind: "Foo" is none of BootstrapClaim, InfrastructureClaim, ApplicationClaim, PlatformClaim'
    )


def test_a_kind_that_is_another() -> None:
    with pytest.raises(InvalidClaim) as refusal:
        parse("PlatformClaim", PLATFORM | {"kind": "Pod"})

    assert str(refusal.value) == "kind: must be 'PlatformClaim'"


def test_five_problems_are_named_and_the_rest_counted() -> None:
    services = [{"name": f"S{n}"} for n in range(9)]

    with pytest.raises(InvalidClaim) as refusal:
        parse("PlatformClaim", changed(PLATFORM, "spec.services", services))

    named = [
        f"spec.services[{n}].name: \"S{n}\" is not a DNS-1123 label: use lower case letters, digits and '-'"
        for n in range(5)
    ]
    assert "; ".join([*named, "and 4 more"]) == str(refusal.value)


METADATA = [
    ({"name": "../x"}, "metadata.name: is not a DNS-1123 subdomain", "it becomes a trailer of a commit"),
    ({"name": "a..b"}, "metadata.name: is not a DNS-1123 subdomain", "an empty label"),
    ({"name": "a" * 254}, "metadata.name: is longer than 253 characters", "longer than any object's"),
    ({"name": ["a"]}, "metadata.name: must be a string", "a list"),
    ({"namespace": "{{ .x }}"}, 'metadata.namespace: "{{ .x }}" is not a DNS-1123 label', "ArgoCD deploys to it"),
    ({"generation": -1}, "metadata.generation: is not valid", "no commit can say it"),
]


@pytest.mark.parametrize(("metadata", "message", "why"), METADATA, ids=[case[2] for case in METADATA])
def test_metadata_that_no_api_server_gives(metadata: dict[str, Any], message: str, why: str) -> None:
    """A claim is read from Git and from files too."""
    with pytest.raises(InvalidClaim) as refusal:
        parse("PlatformClaim", PLATFORM | {"metadata": PLATFORM["metadata"] | metadata})

    assert str(refusal.value).startswith(message), why


PLACES = [
    ({"clusterType": "nonprod", "environment": "dev"}, ("nonprod", "dev"), "both"),
    ({"clusterType": "nonprod"}, None, "one"),
    ({"clusterType": "nonprod", "environment": ["dev"]}, None, "a list for a name"),
    (["nonprod", "dev"], None, "a list for a spec"),
    (None, None, "no spec"),
]


@pytest.mark.parametrize(("spec", "expected", "why"), PLACES, ids=[case[2] for case in PLACES])
def test_place_of_a_claim_that_nobody_validated(spec: Any, expected: tuple[str, str] | None, why: str) -> None:
    assert expected == place({"spec": spec}), why


@settings(deadline=None)  # the machine may be busy
@given(st.text(), st.text(min_size=1))
def test_a_message_is_one_short_line(name: str, field: str) -> None:
    """Whatever a document holds, and however much of it."""
    document = changed(PLATFORM, "spec.services", [{"name": f"A{name * 99}"[:63], f"x{field * 99}": {"a": name}}])

    with pytest.raises(InvalidClaim) as refusal:
        parse("PlatformClaim", document)

    assert len(str(refusal.value).splitlines()) == 1
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 1000
    assert refusal.value.__cause__ is None


def test_everything_that_is_wrong_is_found_at_once() -> None:
    """A status has room for a few problems; whoever writes the claim wants all of them."""
    wrong = [{"name": "A", "chart": {"name": "c"}, "image": {"repository": "r", "tag": "t"}}] * (MAX_PROBLEMS + 3)
    document = changed(APPLICATION, "spec.applications", wrong)
    found = read("ApplicationClaim", document)
    assert isinstance(found, list)
    assert [path for path, _ in found] == [f"spec.applications[{index}].name" for index in range(MAX_PROBLEMS + 3)]
    with pytest.raises(InvalidClaim, match=r"and 3 more$"):
        parse("ApplicationClaim", document)

"""CloudEvents in both modes: those that Knative's own adapter sent, those that nobody should send, and any bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.http import from_http
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import events
from shared.errors import InvalidEvent
from shared.events import ClaimRef, Delivery, DeploymentRef, Event, Version, parse

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "recordings/knative/apiserversource-events.jsonl").read_text().splitlines()
]
CHANGE = "dev.knative.apiserver.resource.add"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
CLAIM = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://127.0.0.1:6443",
    "type": CHANGE,
    "kind": "ApplicationClaim",
    "namespace": "dev",
    "name": "dev-apps",
}
NOT_AN_EVENT = (
    "not a CloudEvent: send the binary mode (ce-id, ce-source, ce-type and ce-specversion headers) or the structured "
    "mode (content type application/cloudevents+json with those attributes in the body)"
)
NOT_JSON = "not a CloudEvent: the body cannot be read as a JSON object in UTF-8"
NOT_TEXT = "not a CloudEvent: its attributes id and type are not both strings with something in them"
NO_KIND = "not a claim's event: the extension attribute ce-kind is missing or is not a kind"
NO_OBJECT = "not a claim's event: ce-namespace and ce-name (or the subject) do not name an object of Kubernetes"


def binary(attributes: dict[str, Any]) -> dict[str, str]:
    """Attributes as headers."""
    return {f"Ce-{name.capitalize()}": str(value) for name, value in attributes.items()}


def test_all_recorded_events_are_there() -> None:
    assert len(RECORDED) == 50


@pytest.mark.parametrize("request_", RECORDED, ids=range(len(RECORDED)))
def test_recorded_from_knative(request_: dict[str, Any]) -> None:
    """Identity, version and place are what the object inside says, in the binary and in the structured mode."""
    headers, body = request_["headers"], request_["body"]
    document = json.loads(body)
    metadata, spec = document["metadata"], document.get("spec", {})
    is_whole = ".ref." not in headers["Ce-Type"]
    expected = Event(
        id=headers["Ce-Id"],
        type=headers["Ce-Type"],
        claim=ClaimRef("ApplicationClaim", metadata["namespace"], metadata["name"]),
        version=Version(metadata["uid"], metadata["resourceVersion"]) if is_whole else None,
        environment=(spec["clusterType"], spec["environment"]) if is_whole and "clusterType" in spec else None,
    )
    assert expected.is_deletion == headers["Ce-Type"].endswith(".delete")
    assert expected == parse(headers, body.encode())
    attributes = {name[3:].lower(): value for name, value in headers.items() if name.startswith("Ce-")}
    structured = attributes | {"datacontenttype": "application/json", "data": json.loads(body)}
    assert expected == parse(STRUCTURED, json.dumps(structured).encode())


def test_the_subject_stands_in_for_the_extensions() -> None:
    """A source that does not set `namespace` and `name`: both are in the subject."""
    attributes = {name: value for name, value in CLAIM.items() if name not in {"namespace", "name"}}
    subject = "/apis/platform.infraforge.io/v1alpha1/namespaces/dev/applicationclaims/dev-apps"
    assert parse(binary(attributes | {"subject": subject}), b"").claim == ClaimRef(
        "ApplicationClaim", "dev", "dev-apps"
    )


OTHERS = [
    (events.PING, "a resync"),
    (events.BOOTSTRAPPED, "the bootstrap function's reply"),
    ("io.infraforge.gitea.issues", "a webhook delivery of something that is not in Git"),
    ("com.example.anything", "somebody else's"),
]


@pytest.mark.parametrize(("kind", "why"), OTHERS, ids=[case[0] for case in OTHERS])
def test_events_that_are_no_claims(kind: str, why: str) -> None:
    """Well-formed, so no error; whatever the data is, it is not even parsed."""
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": kind}
    assert Event("1", kind, None) == parse(binary(attributes), b"\xff{not json"), why


MALFORMED = [
    ({}, b"", NOT_AN_EVENT, "nothing at all"),
    ({}, b"hello", NOT_AN_EVENT, "text"),
    ({"Content-Type": "application/json"}, b'{"kind": "ApplicationClaim"}', NOT_AN_EVENT, "the claim itself"),
    (STRUCTURED, b"", NOT_AN_EVENT, "structured without a body"),
    (STRUCTURED, b'{"specversion": "1.0", "id": ', NOT_AN_EVENT, "structured with broken JSON"),
    (STRUCTURED, b"[]", NOT_AN_EVENT, "structured, a list"),
    (STRUCTURED, b"null", NOT_AN_EVENT, "structured, null"),
    (STRUCTURED, b'{"specversion": "1.0"}', NOT_AN_EVENT, "structured without attributes"),
    (STRUCTURED, b"\xff\xfe\xfa", NOT_JSON, "structured, no UTF-8"),
    (STRUCTURED, b"[" * 100_000, NOT_JSON, "structured, nested until Python gives up"),
    (binary(CLAIM) | STRUCTURED, b"2", NOT_JSON, "the headers of one mode and the content type of the other"),
    (binary(CLAIM | {"specversion": "2.0"}), b"", NOT_AN_EVENT, "a version that does not exist"),
    (binary(CLAIM | {"id": ""}), b"", NOT_TEXT, "an empty id"),
    (STRUCTURED, json.dumps(CLAIM | {"type": {}}).encode(), NOT_TEXT, "a type that is a map"),
    (STRUCTURED, json.dumps(CLAIM | {"type": 7}).encode(), NOT_TEXT, "a type that is a number"),
    (STRUCTURED, json.dumps(CLAIM | {"id": ["1"]}).encode(), NOT_TEXT, "an id that is a list"),
    (binary({name: CLAIM[name] for name in CLAIM if name != "kind"}), b"", NO_KIND, "no kind"),
    (binary(CLAIM | {"kind": "../etc"}), b"", NO_KIND, "a kind that is a path"),
    (binary(CLAIM | {"kind": "application claim"}), b"", NO_KIND, "a kind in lower case with a blank"),
    (binary({name: CLAIM[name] for name in CLAIM if name != "name"}), b"", NO_OBJECT, "no name, no subject"),
    (binary(CLAIM | {"name": ".."}), b"", NO_OBJECT, "a name that would leave its path"),
    (binary(CLAIM | {"name": "a/b"}), b"", NO_OBJECT, "a name with a slash"),
    (binary(CLAIM | {"name": "Dev-Apps"}), b"", NO_OBJECT, "upper case"),
    (binary(CLAIM | {"name": "a" * 300}), b"", NO_OBJECT, "300 characters"),
    (binary(CLAIM | {"namespace": "a" * 64}), b"", NO_OBJECT, "a namespace of 64 characters"),
    (binary(CLAIM | {"namespace": "dev\n"}), b"", NO_OBJECT, "a line break at the end"),
    (STRUCTURED, json.dumps(CLAIM | {"name": {"a": 1}}).encode(), NO_OBJECT, "a name that is a map"),
]


@pytest.mark.parametrize(("headers", "body", "message", "why"), MALFORMED, ids=[case[3] for case in MALFORMED])
def test_malformed(headers: dict[str, str], body: bytes, message: str, why: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(headers, body)
    assert message == str(caught.value), why


_NAMES = st.sampled_from(["id", "source", "type", "specversion", "subject", "kind", "name", "namespace", "time"])
_OTHER_NAMES = st.sampled_from(["datacontenttype", "dataschema", "data", "data_base64", "extensions", "schemaurl"])
_TELLING = st.sampled_from(["1.0", "0.3", CHANGE, "ApplicationClaim", "/apis/a/b/namespaces/c/d/e", "dev"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | _TELLING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_HEADER_NAMES = (_NAMES | _OTHER_NAMES).map(lambda name: f"Ce-{name}") | st.text(
    st.characters(min_codepoint=33, max_codepoint=255), max_size=6
)
_HEADER_VALUES = st.text(st.characters(max_codepoint=255), max_size=10) | _TELLING
_CONTENT_TYPES = st.sampled_from(["application/json", "application/cloudevents+json", "text/plain", "application/"])


def _only_an_event_or_invalid(headers: dict[str, str], body: bytes) -> None:
    try:
        event = parse(headers, body)
    except InvalidEvent as error:
        assert len(str(error)) < 400
        return
    assert isinstance(event, Event)
    assert 0 < len(event.id) <= 128
    assert (event.claim is not None) == (event.type in events.CLAIM_CHANGES)


@settings(deadline=None)  # a busy machine is no fault
@given(st.booleans(), st.dictionaries(_NAMES | _OTHER_NAMES, _JSON, max_size=8))
def test_any_structured_event(complete: bool, attributes: dict[str, Any]) -> None:
    """Whatever stands where: an Event or InvalidEvent, and nothing else."""
    body = json.dumps(CLAIM | attributes if complete else attributes)
    _only_an_event_or_invalid(STRUCTURED, body.encode())


@settings(deadline=None)  # a busy machine is no fault
@given(
    st.booleans(), st.dictionaries(_HEADER_NAMES, _HEADER_VALUES, max_size=8), _CONTENT_TYPES, st.binary(max_size=20)
)
def test_any_binary_event(complete: bool, headers: dict[str, str], content_type: str, body: bytes) -> None:
    """Any headers that HTTP can carry, and any body."""
    given_ = (binary(CLAIM) if complete else {}) | headers | {"Content-Type": content_type}
    _only_an_event_or_invalid(given_, body)


def test_an_id_is_cut() -> None:
    """It goes into a commit's trailer; nobody needs more than 128 characters of it."""
    assert parse(binary(CLAIM | {"id": "i" * 1000}), b"").id == "i" * 128


def test_the_bootstrapped_event_is_read_back() -> None:
    """By our own reader and by the SDK's; it names the claim and carries nothing else."""
    headers, body = events.bootstrapped("http://gitea/platform", ClaimRef("BootstrapClaim", "platform-system", "p"))
    assert parse(headers, body).type == events.BOOTSTRAPPED
    event = from_http(headers, body)
    assert event["source"] == "http://gitea/platform"
    assert event["subject"] == "BootstrapClaim/platform-system/p"
    assert event.data == {"namespace": "platform-system", "name": "p"}


def test_the_services_event_is_read_back() -> None:
    """It names one environment, and wakes that alone; one that does not say which wakes all."""
    headers, body = events.services(ClaimRef("PlatformClaim", "platform-services", "p"), ("nonprod", "dev"))
    woken = parse(headers, body)
    assert (woken.type, woken.claim, woken.environment) == (events.SERVICES, None, ("nonprod", "dev"))
    assert events.SERVICES in events.WAKE_UPS
    assert parse(headers, b'{"spec": {"environment": "../x"}}').environment is None


def test_several_events_in_one_answer() -> None:
    """Those of one environment are one; those of several wake all; any other kind says the same each time."""
    claim = ClaimRef("PlatformClaim", "platform-services", "p")
    dev, again, prod = (events.services(claim, place) for place in [("a", "dev"), ("a", "dev"), ("b", "prod")])
    assert events.combined([]) is None
    for replies, environment in [([dev], ("a", "dev")), ([dev, again], ("a", "dev")), ([dev, prod], None)]:
        answer = events.combined(replies)
        assert answer is not None
        woken = parse(*answer)
        assert (woken.type, woken.environment) == (events.SERVICES, environment)
    platforms = [events.bootstrapped("http://gitea/o", ClaimRef("BootstrapClaim", "p", name)) for name in ("a", "b")]
    assert events.combined(platforms) == platforms[1]


def test_a_delivery_keeps_its_bytes_and_its_id() -> None:
    """The same delivery twice is the same event twice, and its body goes on untouched, whatever it is."""
    body = b'{ "a" :\t"\xc3\xa4" , "a": 1e999 }\n'
    headers, sent = events.delivery("http://gitea", "push", "d-1", body)
    again, _ = events.delivery("http://gitea", "push", "d-1", body)
    assert sent == body
    assert (headers["ce-id"], headers["ce-source"]) == (again["ce-id"], again["ce-source"])
    assert Event("d-1", "io.infraforge.gitea.push", delivery=Delivery("")) == parse(headers, sent)
    assert headers["content-type"] == "application/json"


NEVER_A_VERSION: list[tuple[Any, str]] = [
    ({}, "no metadata"),
    ({"metadata": None}, "metadata that are null"),
    ({"metadata": []}, "metadata that are a list"),
    ({"metadata": {"uid": "u"}}, "no version"),
    ({"metadata": {"resourceVersion": "7"}}, "no UID"),
    ({"metadata": {"uid": "", "resourceVersion": "7"}}, "an empty UID"),
    ({"metadata": {"uid": "u", "resourceVersion": 7}}, "a version that is a number"),
    ({"metadata": {"uid": ["u"], "resourceVersion": "7"}}, "a UID that is a list"),
]


@pytest.mark.parametrize(("data", "why"), NEVER_A_VERSION, ids=[case[1] for case in NEVER_A_VERSION])
def test_data_that_says_no_version(data: Any, why: str) -> None:
    """Then the claim is read: what cannot be understood never saves a look."""
    event = parse(binary(CLAIM), json.dumps(data).encode())
    assert event.version is None, why
    assert event.claim == ClaimRef("ApplicationClaim", "dev", "dev-apps")


NEVER_A_PLACE: list[tuple[Any, str]] = [
    (None, "no spec"),
    ([], "a list"),
    ({"clusterType": "nonprod"}, "half of it"),
    ({"clusterType": "nonprod", "environment": 7}, "a number"),
    ({"clusterType": "nonprod", "environment": "../dev"}, "a path"),
    ({"clusterType": "nonprod,metadata.name=x", "environment": "dev"}, "a selector"),
    ({"clusterType": "nonprod", "environment": "d" * 64}, "64 characters"),
    ({"clusterType": "nonprod", "environment": "dev\n"}, "a line break at the end"),
]


@pytest.mark.parametrize(("spec", "why"), NEVER_A_PLACE, ids=[case[1] for case in NEVER_A_PLACE])
def test_data_that_names_no_place(spec: Any, why: str) -> None:
    """It goes into a request to the API server."""
    assert parse(binary(CLAIM), json.dumps({"spec": spec}).encode()).environment is None, why


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"\xff{not json", "no UTF-8"),
    (b"[" * 100_000, "nested until Python gives up"),
    (b"null", "null"),
    (b"[]", "a list"),
    (b'"text"', "text"),
    (b'{"metadata": {"uid": "u", "resourceVersion": "7"}', "cut off"),
]


@pytest.mark.parametrize(("body", "why"), UNREADABLE, ids=[case[1] for case in UNREADABLE])
def test_data_only_hint(body: bytes, why: str) -> None:
    """The event stands by its attributes; what is wrong with its data costs a look, and no error."""
    assert parse(binary(CLAIM), body) == Event("1", CHANGE, ClaimRef("ApplicationClaim", "dev", "dev-apps")), why
    push = {"specversion": "1.0", "id": "1", "source": "s", "type": "io.infraforge.gitea.push"}
    assert parse(binary(push), body) == Event("1", push["type"], delivery=Delivery("")), why


HOSTILE_DELIVERIES: list[tuple[dict[str, Any], Delivery, str]] = [
    ({"repository": "o/voltran"}, Delivery(""), "a repository that is text"),
    ({"repository": {"full_name": "o/v"}, "ref": 7, "before": None, "after": []}, Delivery("o/v"), "no strings"),
    ({"commits": "all"}, Delivery(""), "commits that are text"),
    ({"commits": [None, 7, [], {"message": 7}, {}, {"message": "m"}]}, Delivery("", messages=("m",)), "odd commits"),
    ({"total_commits": "5"}, Delivery(""), "a total that is text"),
    ({"action": {"a": 1}}, Delivery(""), "an action that is a map"),
]


@pytest.mark.parametrize(("data", "expected", "why"), HOSTILE_DELIVERIES, ids=[case[2] for case in HOSTILE_DELIVERIES])
def test_hostile_deliveries(data: dict[str, Any], expected: Delivery, why: str) -> None:
    """Whatever has the wrong shape was not said."""
    push = {"specversion": "1.0", "id": "1", "source": "s", "type": "io.infraforge.gitea.push"}
    assert parse(binary(push), json.dumps(data).encode()).delivery == expected, why


def test_only_a_claims_own_end_is_a_deletion() -> None:
    """Not a branch's, whose event is called so as well."""
    assert Event("e", "dev.knative.apiserver.resource.delete").is_deletion
    assert Event("e", "dev.knative.apiserver.ref.delete").is_deletion
    assert not Event("e", "dev.knative.apiserver.resource.update").is_deletion
    assert not Event("e", "io.infraforge.gitea.delete").is_deletion


ARGOCD = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "dev.knative.apiserver.resource.update"}
OURS = {"infraforge.io/cluster-type": "nonprod", "infraforge.io/environment": "dev"}
DEPLOYMENTS: list[tuple[str, dict[str, Any], DeploymentRef | None, str]] = [
    ("Application", OURS, DeploymentRef("Application", "dev-web", "nonprod", "dev"), "an environment's"),
    ("ApplicationSet", OURS, DeploymentRef("ApplicationSet", "dev-web", "nonprod", "dev"), "a set"),
    (
        "Application",
        {"infraforge.io/cluster-type": "nonprod"},
        DeploymentRef("Application", "dev-web", "nonprod", None),
        "a root Application, of a whole cluster type",
    ),
    ("Application", {}, None, "a stranger's"),
    ("Application", {"infraforge.io/environment": "dev"}, None, "of no cluster type"),
    ("Application", OURS | {"infraforge.io/environment": "../x"}, None, "a name that is no label"),
    ("Application", OURS | {"infraforge.io/cluster-type": 7}, None, "a label that is no text"),
]


@pytest.mark.parametrize(("kind", "labels", "expected", "why"), DEPLOYMENTS, ids=[case[3] for case in DEPLOYMENTS])
def test_argocds_objects(kind: str, labels: dict[str, Any], expected: DeploymentRef | None, why: str) -> None:
    """They are no claims, and are known by our labels."""
    headers = ARGOCD | {"ce-kind": kind, "ce-namespace": "argocd", "ce-name": "dev-web"}
    event = parse(headers, json.dumps({"metadata": {"labels": labels}}).encode())
    assert (event.claim, event.deployment) == (None, expected), why

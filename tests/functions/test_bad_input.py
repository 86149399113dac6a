"""Everything that people get wrong, and the exact words they get back."""

import copy
import json
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

from shared.oci import TagMissing
from shared.web import Endpoint
from tests.functions.platform import KINDS, Platform, condition, example, ready

LABEL = "is not a DNS-1123 label: use lower case letters, digits and '-'"
EVENT = {
    "Ce-Id": "1",
    "Ce-Source": "https://127.0.0.1:6443",
    "Ce-Specversion": "1.0",
    "Ce-Type": "dev.knative.apiserver.resource.update",
    "Ce-Kind": "ApplicationClaim",
    "Ce-Namespace": "dev",
    "Ce-Name": "dev-apps",
}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
NOT_AN_EVENT = (
    "InvalidEvent: not a CloudEvent: send the binary mode (ce-id, ce-source, ce-type and ce-specversion headers) or "
    "the structured mode (content type application/cloudevents+json with those attributes in the body)\n"
)
NO_OBJECT = (
    "InvalidEvent: not a claim's event: ce-namespace and ce-name (or the subject) do not name an object of Kubernetes\n"
)


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's ApplicationClaim."""
    return example("dev/dev-apps-claim.yaml")


def serve(platform: Platform, kind: str) -> FlaskClient:
    """A client of the function of a kind."""
    endpoint = Endpoint(react=platform.reconciler(kind).react, pings={}, metrics=platform.metrics, body_limit=1_000_000)
    source = Path(__file__).parents[1] / "shared" / "web_target.py"
    app = functions_framework.create_app("probe", str(source), "http")  # type: ignore[no-untyped-call]  # the library's
    app.config["ENDPOINT"] = endpoint
    client: FlaskClient = app.test_client()
    return client


ANSWERS = [
    ({}, b"hello", 400, NOT_AN_EVENT, "not an event"),
    (STRUCTURED, b'{"specversion": "1.0", "id": ', 400, NOT_AN_EVENT, "a structured event with broken JSON"),
    (EVENT | {"Ce-Kind": "Deployment"}, b"", 204, "", "a kind that is nobody's here"),
    (EVENT | {"Ce-Kind": "PlatformClaim"}, b"", 204, "", "a claim of another function"),
    (EVENT | {"Ce-Type": "com.example.unheard.of"}, b"", 204, "", "a type that is nobody's here"),
    (EVENT | {"Ce-Name": "gone"}, b"", 204, "", "a claim that is gone"),
    (EVENT | {"Ce-Type": "dev.knative.apiserver.resource.delete", "Ce-Name": "gone"}, b"{}", 204, "", "deleted"),
    (EVENT | {"Ce-Name": ".."}, b"", 400, NO_OBJECT, "a name that would leave its path"),
    (EVENT | {"Ce-Name": "Dev-Apps"}, b"", 400, NO_OBJECT, "a name in upper case"),
    (EVENT | {"Ce-Name": "a" * 300}, b"", 400, NO_OBJECT, "a name of 300 characters"),
    (EVENT | {"Ce-Namespace": "../kube-system"}, b"", 400, NO_OBJECT, "a namespace that would leave its path"),
]


@pytest.mark.parametrize(("headers", "body", "status", "text", "why"), ANSWERS, ids=[case[4] for case in ANSWERS])
def test_events(platform: Platform, headers: dict[str, str], body: bytes, status: int, text: str, why: str) -> None:
    """What is not an event is 400; what is one and not ours is 204, empty; neither touches Git or a status."""
    answer = serve(platform, "ApplicationClaim").post("/", headers=headers, data=body)
    assert (answer.status_code, answer.text) == (status, text), why
    assert not platform.kube.status_writes
    assert platform.head() is None


def application(**changes: Any) -> dict[str, Any]:
    """An application of the claim, but for some fields."""
    plain = {
        "name": "shop",
        "chart": {"name": "ecommerce-platform"},
        "image": {"repository": "ghcr.io/infraforge/shop", "tag": "v1"},
    }
    return plain | changes


def image(repository: str, tag: str = "v1") -> dict[str, str]:
    return {"repository": repository, "tag": tag}


LONGEST = "a" * 49
INVALID = [
    ([application(name="..")], f'spec.applications[0].name: ".." {LABEL}', "a name that would leave its folder"),
    ([application(name="../../root-apps")], f'spec.applications[0].name: "../../root-apps" {LABEL}', "farther yet"),
    ([application(name="Shop")], f'spec.applications[0].name: "Shop" {LABEL}', "upper case"),
    ([application(name="a" * 300)], "spec.applications[0].name: is longer than 63 characters", "300 characters"),
    ([application(), application()], 'spec.applications[1].name: "shop" is already the name of item 0: '
     "names are unique", "one name twice"),
    ([application(values="replicas: 3")], "spec.applications[0].values: must be a map", "values as text"),
    ([application(values=[{"replicas": 3}])], "spec.applications[0].values: must be a map", "values as a list"),
    ([application(values={"image": {"tag": "v2"}})],
     "spec.applications[0].values: values.image is refused: use image beside values", "an image in two places"),
    ([application(name=f"{LONGEST}b")], f'spec.applications[0].name: "dev-{LONGEST}b" has 54 characters, '
     "and at most 53 fit: shorten it", "a combined name of 54 characters"),
    ([application(name="platform-x")], 'spec.applications[0].name: "platform-x" begins with platform-, '
     "which is kept for services: rename it", "a name that a platform service would have"),
    ([application(imag=1)], "spec.applications[0].imag: is not a field here: remove it or correct its spelling",
     "a misspelt field, where no API server stood at the door"),
    ([application(image={"repository": "ghcr.io/a", "tag": 1.1})],
     "spec.applications[0].image.tag: must be a string: put it in quotes", "a tag that YAML took for a number"),
    ("none", "spec.applications: must be a list", "no list at all"),
]  # fmt: skip


@pytest.mark.parametrize(("applications", "message", "why"), INVALID, ids=[case[2] for case in INVALID])
def test_claims_that_break_a_rule(
    platform: Platform, claim: dict[str, Any], applications: Any, message: str, why: str
) -> None:
    """204, `Ready=False/InvalidClaim` and `Stalled` with the field and the mend; nothing is asked of Git."""
    put = platform.claim(claim, applications=applications)
    answer = serve(platform, "ApplicationClaim").post("/", headers=EVENT)
    assert (answer.status_code, answer.data) == (204, b""), why
    live = platform.live(put)
    assert ready(live) == ("False", "InvalidClaim", message)
    assert condition(live, "Stalled") == ("True", "InvalidClaim", message)
    assert condition(live, "Valid") == ("False", "InvalidClaim", message)
    assert platform.head() is None


def test_a_combined_name_of_53_characters_fits(platform: Platform, claim: dict[str, Any]) -> None:
    platform.bootstrap()
    live = platform.apply(claim, applications=[application(name=LONGEST)])
    assert ready(live)[0] == "True"
    assert f"environments/nonprod/dev/applications/{LONGEST}/values.yaml" in platform.tree()


FIELD = "spec.applications[0].image.repository"
IMAGES = [
    (image("ghcr.io/Infraforge/shop"), f"{FIELD} 'ghcr.io/Infraforge/shop' has capital letters: write it in lower case",
     "capital letters"),
    (image("https://ghcr.io/infraforge/shop"),
     f"{FIELD} is a URL: write the image name alone, such as ghcr.io/acme/shop", "a URL"),
    (image("ghcr.io/infraforge/shop:v1"), f"{FIELD} 'ghcr.io/infraforge/shop:v1' carries a tag: "
     "write repository: 'ghcr.io/infraforge/shop' and tag: 'v1'", "a tag in the repository"),
    (image("ghcr.io/infraforge/../shop"), f"{FIELD} 'ghcr.io/infraforge/../shop' is not an image name: "
     "parts of a-z and 0-9, joined by one of . _ __ -, with / between them", "a name that would leave its path"),
    (image("user:hunter2@ghcr.io/shop"),
     f"{FIELD} carries an @: a user name or password does not belong in a claim", "a password"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "said", "why"), IMAGES, ids=[case[2] for case in IMAGES])
def test_an_image_that_is_no_reference(
    platform: Platform, claim: dict[str, Any], broken: dict[str, str], said: str, why: str
) -> None:
    """That application is held back with the reason, its neighbour goes to Git, and no registry is asked for it."""
    platform.bootstrap()
    live = platform.apply(claim, applications=[application(name="broken", image=broken), application()])
    assert ready(live) == ("False", "InvalidImage", f"broken: {said}"), why
    rows = {row["name"]: row for row in live["status"]["applications"]}
    assert (rows["broken"]["state"], rows["broken"]["message"]) == ("Held", said)
    assert rows["shop"]["state"] == "Committed"
    assert "hunter2" not in json.dumps(live["status"])
    assert set(platform.registry.asked) == {"ghcr.io/infraforge/shop:v1"}


def test_a_held_rows_message_fits_the_schema(platform: Platform, claim: dict[str, Any]) -> None:
    """An upstream may say more than a status holds; a status that is refused would leave the claim without any."""
    platform.bootstrap()
    platform.registry.outcomes["ghcr.io/infraforge/shop:v1"] = TagMissing("x" * 5000)
    live = platform.apply(claim, applications=[application()])
    assert len(live["status"]["applications"][0]["message"]) == 1024


@pytest.mark.parametrize("name", ["default", "infraforge-root", "infraforge-namespaces-nonprod"])
def test_a_cluster_type_with_a_name_that_argocd_or_we_use(platform: Platform, name: str) -> None:
    """Its AppProject would take the place of one that others are in."""
    clusters = [{"type": "nonprod", "environments": []}, {"type": name, "environments": ["dev"]}]
    live = platform.apply(example("bootstrap-claim.yaml"), clusters=clusters)
    assert ready(live) == (
        "False",
        "NameReserved",
        f'spec.clusters[1].type: "{name}" is, or may become, the name of an AppProject that is no cluster type\'s: '
        "choose another name",
    )
    assert platform.head() is None


def test_a_platform_without_cluster_types_is_bootstrapped(platform: Platform) -> None:
    """Nothing to lay out yet, and no commit to name."""
    live = platform.apply(example("bootstrap-claim.yaml"), clusters=[])
    assert ready(live) == ("True", "Bootstrapped", "0 environments of 0 cluster types are ready for claims")
    assert "commit" not in live["status"]


def test_a_service_with_the_name_of_a_root_application(platform: Platform) -> None:
    """`<env>-platform-<service>` can be `<type>-platform` when a type is called so on purpose."""
    clusters = [{"type": "dev-platform-x", "environments": ["dev"]}]
    platform.apply(example("bootstrap-claim.yaml"), clusters=clusters)
    claim = example("dev/dev-platform-claim.yaml")
    live = platform.apply(claim, clusterType="dev-platform-x", services=[{"name": "x-platform"}])
    assert ready(live) == (
        "False",
        "NameReserved",
        'spec.services[0].name: its Application would be called "dev-platform-x-platform", as the platform\'s own root '
        "application is: choose another name",
    )


def test_nobodys_bad_claim_is_in_the_way_of_another(platform: Platform, claim: dict[str, Any]) -> None:
    """A broken claim of the same environment owns nothing, and a resync gets past it."""
    platform.bootstrap()
    broken = copy.deepcopy(claim)
    broken["metadata"]["name"] = "a-broken-one"
    broken["spec"]["applications"] = "none"
    platform.kube.put(KINDS["ApplicationClaim"].resource, broken, created="2020-01-01T00:00:00Z")
    put = platform.claim(claim)
    ping = {"Ce-Id": "1", "Ce-Source": "s", "Ce-Specversion": "1.0", "Ce-Type": "dev.knative.sources.ping"}
    answer = serve(platform, "ApplicationClaim").post("/", headers=ping, data=json.dumps({}))
    assert answer.status_code == 204
    assert ready(platform.live(put))[0] == "True"
    assert ready(platform.live(broken))[1] == "InvalidClaim"

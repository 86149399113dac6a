"""A hand edit becomes the change of the claim that would have made it."""

from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.adoption import Adoption, adopt
from functions.application import desired as applications
from functions.platform import desired as services
from shared.claims import ApplicationClaim, parse
from tests.claims_strategies import application_claims, platform_claims, values

Document = dict[str, Any]
Files = dict[str, bytes]
FOLDER = "environments/nonprod/dev"
SHOP = f"{FOLDER}/applications/shop/values.yaml"
CART = f"{FOLDER}/applications/cart/values.yaml"
SET = "appsets/nonprod/apps/dev-appset.yaml"


def generated(document: Document) -> Files:
    """The claim's own files, but for the set, with what others keep there."""
    claim: Any = parse(document["kind"], document)
    root = f"environments/{claim.spec.clusterType}/{claim.spec.environment}"
    if isinstance(claim, ApplicationClaim):
        made = {f"applications/{one.name}": applications.values(one, None) for one in claim.spec.applications}
    else:
        made = {f"platform/{one.name}": services.values(one) for one in claim.spec.services}
    files = {f"{root}/{folder}/values.yaml": content for folder, content in made.items()}
    return files | {f"{root}/applications/.gitkeep": b"", f"{root}/platform/namespaces/values.yaml": b"{}\n"}


def patched(document: Document, adoption: Adoption) -> Document:
    result: Document = jsonpatch.apply_patch(document, list(adoption.operations))
    return result


def mutated(value: Any) -> st.SearchStrategy[Any]:
    """`value` with something in it changed, added or gone."""
    if isinstance(value, dict) and value:
        key = st.sampled_from(sorted(value))
        inside = key.flatmap(lambda one: mutated(value[one]).map(lambda new: value | {one: new}))
        without = key.map(lambda one: {other: value[other] for other in value if other != one})
        return inside | without | values().map(lambda more: value | more)
    if isinstance(value, list) and value:
        place = st.integers(0, len(value) - 1)
        item = place.flatmap(lambda at: mutated(value[at]).map(lambda new: [*value[:at], new, *value[at + 1 :]]))
        return item | st.just(value[1:]) | st.just([*value, 1])
    return st.sampled_from([None, True, 1, 1.5, "1", "on", "", {"a": {}}, []])


@given(st.data(), application_claims() | platform_claims())
def test_the_patched_claim_generates_the_hand_edited_files(data: st.DataObject, document: Document) -> None:
    """Whatever somebody changes of a claim's values: exact types, whatever keys."""
    rows = "applications" if document["kind"] == "ApplicationClaim" else "services"
    wanted = []
    for row in document["spec"][rows]:
        match data.draw(st.sampled_from(["keep", "remove", "replace", "mutate", "image"])):
            case "keep":
                wanted.append(row)
            case "replace":
                wanted.append(row | {"values": data.draw(values())})
            case "mutate":
                wanted.append(row | {"values": data.draw(mutated(row["values"]) if row.get("values") else values())})
            case "image" if rows == "applications":
                tag = data.draw(st.sampled_from(["2.0", "v9"]))
                policy = data.draw(st.sampled_from(["Always", "Never", "IfNotPresent"]))
                wanted.append(row | {"image": row["image"] | {"tag": tag, "pullPolicy": policy}})
    if data.draw(st.booleans()) and all(row["name"] != "zz" for row in wanted):
        named = {"image": {"repository": "nginx", "tag": "1.27"}, "chart": {"name": "zz"}}
        image: Document = named if rows == "applications" else {}
        wanted.append({"name": "zz"} | image | {"values": data.draw(values())})
    edited = generated(document | {"spec": document["spec"] | {rows: wanted}})
    found = adopt(document, generated(document), edited)
    assert found.left == ()
    assert generated(patched(document, found)) == edited


@given(application_claims() | platform_claims())
def test_what_nobody_edited_is_no_patch(document: Document) -> None:
    assert adopt(document, generated(document), generated(document)) == Adoption()


def claim(**spec: Any) -> Document:
    rows = [
        {
            "name": name,
            "chart": {"name": name},
            "image": {"repository": f"ghcr.io/acme/{name}", "tag": "v1"},
            "values": {"replicas": 2, "ingress": {"enabled": True, "hosts": ["a", "b"]}},
        }
        for name in ("shop", "cart")
    ]
    return {
        "apiVersion": "platform.infraforge.io/v1alpha1",
        "kind": "ApplicationClaim",
        "metadata": {"name": "apps", "namespace": "dev"},
        "spec": {"clusterType": "nonprod", "environment": "dev", "applications": rows} | spec,
    }


def edit(path: str, before: str, after: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        assert before.encode() in files[path]
        return files | {path: files[path].replace(before.encode(), after.encode())}

    return change


def without(path: str) -> Callable[[Files], Files]:
    return lambda files: {one: content for one, content in files.items() if one != path}


GUARD = {"op": "test", "path": "/spec/applications/0/name", "value": "shop"}
VALUES = "/spec/applications/0/values"


@pytest.mark.parametrize(
    ("change", "operations", "why"),
    [
        (
            edit(SHOP, "replicas: 2", "replicas: 5"),
            [GUARD, {"op": "replace", "path": f"{VALUES}/replicas", "value": 5}],
            "a value",
        ),
        (
            edit(SHOP, "replicas: 2", 'replicas: "5"'),
            [GUARD, {"op": "replace", "path": f"{VALUES}/replicas", "value": "5"}],
            "text stays text",
        ),
        (
            edit(SHOP, "enabled: true", "enabled: off"),
            [GUARD, {"op": "replace", "path": f"{VALUES}/ingress/enabled", "value": False}],
            "off is false to Helm",
        ),
        (
            edit(SHOP, "- b", "- c"),
            [GUARD, {"op": "replace", "path": f"{VALUES}/ingress/hosts/1", "value": "c"}],
            "an item in its place",
        ),
        (
            edit(SHOP, "    - b\n", ""),
            [GUARD, {"op": "replace", "path": f"{VALUES}/ingress/hosts", "value": ["a"]}],
            "a list of another length as a whole",
        ),
        (edit(SHOP, "replicas: 2\n", ""), [GUARD, {"op": "remove", "path": f"{VALUES}/replicas"}], "a value that went"),
        (
            edit(SHOP, "replicas: 2", "a~/b: {c: 1}\nreplicas: 2"),
            [GUARD, {"op": "add", "path": f"{VALUES}/a~0~1b", "value": {"c": 1}}],
            "a value that came, with a key that a pointer must escape",
        ),
        (
            edit(SHOP, "tag: v1", "tag: v2"),
            [GUARD, {"op": "replace", "path": "/spec/applications/0/image/tag", "value": "v2"}],
            "the image's tag",
        ),
        (
            edit(SHOP, "pullPolicy: IfNotPresent", "pullPolicy: Always"),
            [GUARD, {"op": "add", "path": "/spec/applications/0/image/pullPolicy", "value": "Always"}],
            "a policy that the claim left to its default",
        ),
        (without(SHOP), [GUARD, {"op": "remove", "path": "/spec/applications/0"}], "an application that went"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edit_becomes_a_patch(change: Callable[[Files], Files], operations: list[Document], why: str) -> None:
    found = adopt(claim(), generated(claim()), change(generated(claim())))
    assert list(found.operations) == operations, why


def test_two_that_went_go_from_the_end() -> None:
    """Else the second would remove the wrong one."""
    found = adopt(claim(), generated(claim()), without(SHOP)(without(CART)(generated(claim()))))
    assert [one["path"] for one in found.operations if one["op"] == "remove"] == [
        "/spec/applications/1",
        "/spec/applications/0",
    ]
    assert patched(claim(), found)["spec"]["applications"] == []


def test_an_application_that_came_and_what_cannot_be_known_of_it() -> None:
    path = f"{FOLDER}/applications/docs/values.yaml"
    content = b"image:\n  repository: nginx\n  tag: '1.10'\n  pullPolicy: Always\nport: 80\n"
    found = adopt(claim(), generated(claim()), generated(claim()) | {path: content})
    row = {"name": "docs", "chart": {"name": "docs"}}
    row |= {"image": {"repository": "nginx", "tag": "1.10", "pullPolicy": "Always"}, "values": {"port": 80}}
    assert found.operations == ({"op": "add", "path": "/spec/applications/-", "value": row},)
    assert found.assumed == ("docs: no file says which chart deploys it: the embedded chart docs is assumed",)


def test_what_the_claim_changed_since_stays() -> None:
    """The edit was made against an older generation: only what it changed is taken over."""
    now = claim()
    now["spec"]["applications"][0]["image"]["tag"] = "v2"
    now["spec"]["applications"].reverse()
    found = adopt(now, generated(claim()), edit(SHOP, "replicas: 2", "replicas: 5")(generated(claim())))
    (shop,) = (one for one in patched(now, found)["spec"]["applications"] if one["name"] == "shop")
    assert (shop["image"]["tag"], shop["values"]["replicas"]) == ("v2", 5)


def test_an_edit_that_the_claim_says_already_is_no_patch() -> None:
    now = claim()
    now["spec"]["applications"][0]["values"]["replicas"] = 5
    edited = edit(SHOP, "replicas: 2", "replicas: 5")(generated(claim()))
    assert adopt(now, generated(claim()), edited) == Adoption()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files | {SET: b"{}"}, f"{SET}: it follows from the whole claim"),
        (edit(SHOP, "  pullPolicy", "  digest: sha256:0\n  pullPolicy"), f"{SHOP}: image.digest: it follows"),
        (edit(SHOP, "  pullPolicy", "  registry: x\n  pullPolicy"), f"{SHOP}: image.registry: a claim's image has"),
        (edit(SHOP, "  tag: v1\n", ""), f"{SHOP}: image.tag: it is text and always there"),
        (edit(SHOP, "tag: v1", "tag: 1.10"), f"{SHOP}: image.tag: it is text and always there: put it in quotes"),
        (edit(SHOP, "tag: v1", 'tag: "a b"'), f"{SHOP}: the claim would be refused: spec.applications[0].image.tag"),
        (edit(SHOP, "replicas: 2", "replicas: 2 # more"), f"{SHOP}: its comments, layout and order of keys"),
        (edit(SHOP, "replicas: 2", "replicas: ["), f"{SHOP}: it is not YAML that Helm reads"),
        (lambda files: files | {SHOP: b"image: 1\n"}, f"{SHOP}: image: it is always there, and a map"),
        (lambda files: files | {f"{FOLDER}/applications/shop/Chart.yaml": b""}, "a claim writes values.yaml and"),
        (lambda files: files | {f"{FOLDER}/applications/README.md": b""}, "a claim writes values.yaml and nothing"),
        (
            lambda files: (
                files | {f"{FOLDER}/applications/platform-x/values.yaml": b"image: {repository: a, tag: b}\n"}
            ),
            "the claim would be refused",
        ),
        (
            lambda files: files | {f"{FOLDER}/applications/docs/values.yaml": b"a: 1\n"},
            "docs/values.yaml: image: it is",
        ),
        (lambda _files: {}, f"{FOLDER}: nothing is left of it there"),
    ],
)
def test_what_no_claim_can_produce_is_named(change: Callable[[Files], Files], message: str) -> None:
    edited = change(generated(claim()))
    found = adopt(claim(), generated(claim()), edited)
    assert [message in one for one in found.left] == [True], found
    assert not found.operations


def test_the_rest_is_adopted_beside_what_cannot_be() -> None:
    edited = edit(SHOP, "replicas: 2", "replicas: 5 # more")(generated(claim()))
    found = adopt(claim(), generated(claim()), edited)
    assert found.operations[-1]["value"] == 5
    assert len(found.left) == 1


def test_an_application_that_the_claim_no_longer_has() -> None:
    now = claim()
    del now["spec"]["applications"][0]
    found = adopt(now, generated(claim()), edit(SHOP, "replicas: 2", "replicas: 5")(generated(claim())))
    assert found == Adoption(left=(f'{SHOP}: "shop" is no longer in the claim: take it back there first',))


def test_a_bootstrap_claims_files_are_nobodys_to_edit() -> None:
    found = adopt({"kind": "BootstrapClaim", "spec": {}}, {}, {})
    assert found.left == ("the files of a BootstrapClaim follow from its environments: edit the claim instead",)


BOUND = {"postgres": {"host": "dev-platform-postgres.data.svc", "port": 5432}}
OWN = {"legacy": {"host": "10.0.0.7", "port": 1521}}


def bound_files(document: Document) -> Files:
    """As the application function writes them where the environment has a database."""
    claimed: Any = parse(document["kind"], document)
    return {SHOP: applications.values(claimed.spec.applications[0], None, BOUND)}


def test_what_follows_from_a_binding_stays_out_of_the_values() -> None:
    """An edit beside it is adopted as ever; one of it is named, with the claim that says it."""
    image = {"repository": "ghcr.io/acme/shop", "tag": "v1"}
    row = {"name": "shop", "chart": {"name": "shop"}, "image": image, "bindings": ["postgres"]}
    document = claim(applications=[row | {"values": {"replicas": 2, "bindings": OWN}}])
    base = bound_files(document)
    beside = edit(SHOP, "replicas: 2", "replicas: 3")(base)
    adoption = adopt(document, base, beside)
    assert adoption.left == ()
    assert bound_files(patched(document, adoption)) == beside
    of_it = edit(SHOP, "port: 5432", "port: 6432")(beside)
    adoption = adopt(document, base, of_it)
    assert adoption.left == (
        f"{SHOP}: bindings.postgres: it follows from the service in the environment's PlatformClaim: change it there",
    )
    assert bound_files(patched(document, adoption)) == beside
    own = edit(SHOP, "port: 1521", "port: 1522")(base)
    assert bound_files(patched(document, adopt(document, base, own))) == own

"""Objects over plain HTTP: who may ask, namespaces, finalizers, strictness, ownership and pages."""

from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.conftest import Running

Json = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def claims(namespace: str, name: str = "") -> str:
    """Return the path of the recorded kind."""
    root = f"/apis/platform.infraforge.io/v1alpha1/namespaces/{namespace}/applicationclaims"
    return f"{root}/{name}" if name else root


def claim(name: str, **spec: Any) -> Json:
    """Return a small claim."""
    head = {"apiVersion": "platform.infraforge.io/v1alpha1", "kind": "ApplicationClaim", "metadata": {"name": name}}
    return head | {"spec": {"clusterType": "nonprod", "environment": "dev", "applications": []} | spec}


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("", "/api/v1/namespaces", 401),
        ("wrong", "/api/v1/namespaces", 401),
        ("wrong", "/nope", 401),
        ("", "/readyz", 200),
        ("", "/livez", 200),
        ("", "/healthz", 200),
        ("", "/version", 200),
    ],
)
def test_tokens(server: Running, token: str, path: str, status: int) -> None:
    """Only health and version are for everybody."""
    with server.client(token=token) as stranger:
        answer = stranger.get(path)

    assert answer.status_code == status
    if status == 401:
        assert answer.json()["reason"] == "Unauthorized"


def test_secrets_stay_private(server: Running) -> None:
    """The kubeconfig, the token and the key can be read by their owner only."""
    for name in ("kubeconfig", "admin.token", "server.key"):
        assert (server.data / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/api/v1/namespaces/missing/configmaps", 404, 'namespaces "missing" not found'),
        ("GET", "/api/v1/namespaces/dev/endpoints", 404, None),
        ("GET", "/apis/apps/v1/replicasets", 404, None),
        ("PATCH", "/api/v1/namespaces/dev/configmaps", 405, "the server does not allow this method"),
        ("GET", "/api/v1/configmaps?limit=x", 400, "strconv.ParseInt"),
        ("GET", "/api/v1/configmaps?watch=1&resourceVersion=x", 400, "resourceVersion: Invalid value"),
        ("POST", "/api/v1/namespaces/dev/configmaps?dryRun=Some", 422, "supported values"),
        ("POST", "/api/v1/namespaces/dev/configmaps?fieldValidation=Odd", 422, "supported values"),
    ],
)
def test_refusals(client: httpx.Client, method: str, path: str, status: int, message: str | None) -> None:
    """A request that cannot be served says why; what is not served at all is a plain 404."""
    body = {"metadata": {"name": "x"}} if method in ("POST", "PATCH") else None
    answer = client.request(method, path, json=body)

    assert answer.status_code == status
    if message is None:
        assert answer.text == "404 page not found\n"
    else:
        assert message in answer.json()["message"]


def test_strict_names_every_problem(client: httpx.Client, namespace: str) -> None:
    """Strict validation names unknown fields and those written twice, for built-in kinds too."""
    text = '{"metadata":{"name":"x","nam":1},"data":{"a":"b"},"data":{"a":"c"},"dat":{}}'
    headers = {"Content-Type": "application/json"}
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    refused = client.post(f"{url}?fieldValidation=Strict", content=text, headers=headers)
    warned = client.post(url, content=text, headers=headers)

    assert refused.status_code == 400
    for problem in ('duplicate field "data"', 'unknown field "metadata.nam"', 'unknown field "dat"'):
        assert problem in refused.json()["message"]
    assert warned.status_code == 201
    assert warned.json()["data"] == {"a": "c"}
    assert len(warned.headers.get_list("Warning")) == 3


@pytest.mark.parametrize(
    ("value", "status", "message"),
    [
        ({"data": {"a": 1}}, 400, "cannot unmarshal"),
        ({"metadata": {"name": "x", "labels": {"a": "b c"}}}, 422, "metadata.labels: Invalid value"),
        ({"metadata": {"name": "x", "labels": []}}, 400, "cannot unmarshal"),
        ({"metadata": {"name": "X"}}, 422, "a lowercase RFC 1123 subdomain"),
        ({"metadata": {"name": "x" * 254}}, 422, "must be no more than 253 bytes"),
        ({"kind": "Secret"}, 400, "cannot be handled as a ConfigMap"),
        ({"apiVersion": "v2"}, 400, "does not match the expected API version"),
        ({"metadata": "x"}, 400, "ObjectMeta"),
    ],
    ids=["data", "label", "labels", "name", "long name", "kind", "version", "metadata"],
)
def test_bad_built_in(client: httpx.Client, namespace: str, value: Json, status: int, message: str) -> None:
    """Built-in kinds are decoded into their types first, then validated."""
    answer = client.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": {"name": "x"}} | value)

    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_immutable(client: httpx.Client, namespace: str) -> None:
    """An immutable ConfigMap and a Secret's type stay as they are."""
    url = f"/api/v1/namespaces/{namespace}"
    client.post(f"{url}/configmaps", json={"metadata": {"name": "x"}, "immutable": True, "data": {"a": "b"}})
    client.post(f"{url}/secrets", json={"metadata": {"name": "x"}})

    data = client.patch(f"{url}/configmaps/x", json={"data": {"a": "c"}}, headers=MERGE)
    kind = client.patch(f"{url}/secrets/x", json={"type": "other"}, headers=MERGE)
    assert (data.status_code, kind.status_code) == (422, 422)


def test_namespace_waits_for_finalizers(client: httpx.Client) -> None:
    """A namespace with content that has finalizers terminates, takes nothing new, and ends with the last finalizer."""
    made = client.post("/api/v1/namespaces", json={"metadata": {"generateName": "slow-"}}).json()["metadata"]["name"]
    url = f"/api/v1/namespaces/{made}"
    for name, finalizers in (("kept", ["a.b/c"]), ("gone", [])):
        body = {"metadata": {"name": name, "finalizers": finalizers}}
        client.post(f"{url}/configmaps", json=body).raise_for_status()
    answer = client.delete(url)

    assert answer.json()["status"]["phase"] == "Terminating"
    assert client.get(f"{url}/configmaps/gone").status_code == 404
    refused = client.post(f"{url}/configmaps", json={"metadata": {"name": "new"}})
    assert refused.status_code == 403
    assert refused.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    client.patch(f"{url}/configmaps/kept", json={"metadata": {"finalizers": None}}, headers=MERGE).raise_for_status()
    assert client.get(url).status_code == 404


def test_dry_run_changes_nothing(client: httpx.Client, namespace: str) -> None:
    """dryRun=All answers like the real thing and stores nothing."""
    assert client.post(f"{claims(namespace)}?dryRun=All", json=claim("x")).status_code == 201
    assert client.get(claims(namespace, "x")).status_code == 404
    made = client.post(claims(namespace), json=claim("x")).json()
    patched = client.patch(
        f"{claims(namespace, 'x')}?dryRun=All", json={"spec": {"clusterType": "prod"}}, headers=MERGE
    )
    assert patched.json()["spec"]["clusterType"] == "prod"
    assert client.delete(f"{claims(namespace, 'x')}?dryRun=All").status_code == 200
    assert client.get(claims(namespace, "x")).json() == made


def test_generation_counts_specs(client: httpx.Client, namespace: str) -> None:
    """Labels and status leave the generation alone; a change of the spec raises it; no change writes nothing."""
    made = client.post(claims(namespace), json=claim("x")).json()
    url = claims(namespace, "x")
    labelled = client.patch(url, json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE).json()
    status = client.patch(f"{url}/status", json={"status": {"observedGeneration": 1}}, headers=MERGE).json()
    again = client.patch(f"{url}/status", json={"status": {"observedGeneration": 1}}, headers=MERGE).json()
    spec = client.patch(url, json={"spec": {"clusterType": "prod"}, "status": {"observedGeneration": 9}}, headers=MERGE)

    assert [v["metadata"]["generation"] for v in (made, labelled, status, spec.json())] == [1, 1, 1, 2]
    assert again["metadata"]["resourceVersion"] == status["metadata"]["resourceVersion"]
    assert spec.json()["status"] == {"observedGeneration": 1}


def test_apply_owns_fields(client: httpx.Client, namespace: str) -> None:
    """Two appliers share a list by its keys; what one drops goes, what the other holds stays."""

    def apply(manager: str, applications: list[Json], *, force: bool = False) -> httpx.Response:
        url = f"{claims(namespace, 'x')}?fieldManager={manager}&force={str(force).lower()}"
        return client.patch(url, json=claim("x", applications=applications), headers=APPLY)

    def names() -> list[str]:
        return [a["name"] for a in client.get(claims(namespace, "x")).json()["spec"]["applications"]]

    def application(name: str, tag: str) -> Json:
        return {"name": name, "image": {"repository": "r", "tag": tag}}

    assert apply("one", [application("a", "1"), application("b", "1")]).status_code == 201
    assert apply("two", [application("b", "1"), application("c", "1")]).status_code == 200
    assert names() == ["a", "b", "c"]
    refused = apply("two", [application("b", "2"), application("c", "1")])
    assert refused.status_code == 409
    assert refused.json()["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "one"',
            "field": '.spec.applications[name="b"].image.tag',
        }
    ]
    assert apply("two", [application("b", "2")], force=True).status_code == 200
    assert names() == ["a", "b"]
    assert apply("one", [application("a", "1")]).status_code == 200
    assert names() == ["a", "b"], "two still owns b"
    assert apply("two", []).status_code == 200
    assert names() == ["a"]


def test_apply_of_an_unknown_field(client: httpx.Client, namespace: str) -> None:
    """An apply patch with a field that the schema lacks is the real server's 500."""
    url = f"{claims(namespace, 'x')}?fieldManager=one"
    answer = client.patch(url, json=claim("x", bogus=1), headers=APPLY)

    assert answer.status_code == 500
    assert answer.json()["message"].endswith(": .spec.bogus: field not declared in schema")
    assert "reason" not in answer.json()


def test_apply_to_built_in_kinds(client: httpx.Client, namespace: str) -> None:
    """Secrets, ConfigMaps and namespaces are applied too, in YAML."""
    url = f"/api/v1/namespaces/{namespace}/secrets/login?fieldManager=one"
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\nstringData:\n  user: bob\n"
    made = client.patch(url, content=text, headers=APPLY)
    dropped = client.patch(url, content=text.replace("user: bob", "other: x"), headers=APPLY)

    assert (made.status_code, made.json()["data"]) == (201, {"user": "Ym9i"})
    assert dropped.json()["data"]["other"] == "eA=="


def test_size_limits(client: httpx.Client, namespace: str) -> None:
    """A body above 3 MiB is not read, an object above 1.5 MiB is not stored: the limits of the server and of etcd."""
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    long = client.post(url, json={"metadata": {"name": "x"}, "data": {"k": "v" * 3 * 1024 * 1024}})
    stored = client.post(url, json={"metadata": {"name": "x"}, "data": {"k": "v" * 1600 * 1024}})

    assert (long.status_code, long.json()["reason"]) == (413, "RequestEntityTooLarge")
    assert (stored.status_code, stored.json()["message"]) == (500, "etcdserver: request is too large")


def test_pages_are_of_one_moment(client: httpx.Client, namespace: str) -> None:
    """The pages of a list show it as it was at the first, whatever happens in between."""
    url = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in "abcd":
        client.post(url, json={"metadata": {"name": name}})
    first = client.get(f"{url}?limit=2").json()
    client.delete(f"{url}/c")
    client.post(url, json={"metadata": {"name": "e"}})
    rest = client.get(url, params={"limit": 5, "continue": first["metadata"]["continue"]}).json()

    assert first["metadata"]["remainingItemCount"] == 2
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c", "d"]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("labelSelector=team=shop", ["a"]),
        ("labelSelector=team!=shop", ["b", "c"]),
        ("labelSelector=team in (shop,pay)", ["a", "b"]),
        ("labelSelector=team notin (shop),tier", ["b"]),
        ("labelSelector=team", ["a", "b"]),
        ("labelSelector=!team", ["c"]),
        ("fieldSelector=metadata.name=b", ["b"]),
        ("fieldSelector=metadata.name!=b,metadata.namespace!=x", ["a", "c"]),
        ("fieldSelector=type=other", ["c"]),
    ],
)
def test_selectors(client: httpx.Client, namespace: str, selector: str, found: list[str]) -> None:
    """Every form of label and field selectors."""
    url = f"/api/v1/namespaces/{namespace}/secrets"
    labels = {"a": {"team": "shop"}, "b": {"team": "pay", "tier": "1"}, "c": {}}
    for name, of in labels.items():
        kind = "other" if name == "c" else "Opaque"
        client.post(url, json={"metadata": {"name": name, "labels": of}, "type": kind}).raise_for_status()
    name, _, value = selector.partition("=")

    answer = client.get(url, params={name: value}).json()
    assert [item["metadata"]["name"] for item in answer["items"]] == found

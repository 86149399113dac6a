"""Tokens of service accounts: what is in them, who they stand for, and when they no longer do."""

from typing import Any

import httpx
import jwt
import pytest

from tests.sandbox.apiserver.access.conftest import Account, token_of
from tests.sandbox.apiserver.conftest import Running

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


def whoami(client: httpx.Client) -> Any:
    """Return the user that the server sees."""
    answer = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={})
    assert answer.status_code == 201, answer.text
    return answer.json()["status"]["userInfo"]


def test_a_token_stands_for_its_account(account: Account, namespace: str) -> None:
    """The user and the groups are those of the real server."""
    user = whoami(account())

    assert user["username"] == f"system:serviceaccount:{namespace}:worker"
    assert user["groups"] == ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]


def test_others_can_check_a_token(account: Account, client: httpx.Client, server: Running, namespace: str) -> None:
    """Discovery leads a service account to the key that its token is signed with; the claims are the real ones."""
    pod = account()
    asked = token_of(client, namespace, "worker", audiences=["broker"], expirationSeconds=900)
    configuration = pod.get("/.well-known/openid-configuration").json()
    keys = jwt.PyJWKSet.from_dict(pod.get(httpx.URL(configuration["jwks_uri"]).path).json())
    token = asked["status"]["token"]

    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=configuration["id_token_signing_alg_values_supported"],
        audience="broker",
        issuer=server.url,
    )

    assert configuration["issuer"] == server.url
    assert claims["sub"] == f"system:serviceaccount:{namespace}:worker"
    assert claims["exp"] - claims["iat"] == 900
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "worker"
    assert asked["spec"] == {"audiences": ["broker"], "expirationSeconds": 900, "boundObjectRef": None}


def test_a_review_says_whose_a_token_is(account: Account, client: httpx.Client, namespace: str) -> None:
    """For its own audience it authenticates, for another it does not."""
    account()
    token = token_of(client, namespace, "worker", audiences=["broker"])["status"]["token"]

    mine = client.post(REVIEWS, json={"spec": {"token": token, "audiences": ["other", "broker"]}}).json()["status"]
    other = client.post(REVIEWS, json={"spec": {"token": token}}).json()["status"]

    assert (mine["authenticated"], mine["audiences"]) == (True, ["broker"])
    assert mine["user"]["username"] == f"system:serviceaccount:{namespace}:worker"
    assert "authenticated" not in other
    assert 'token audiences ["broker"] is invalid for the target audiences' in other["error"]


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"expirationSeconds": 60}, 422, "may not specify a duration less than 10 minutes"),
        ({"expirationSeconds": 1 << 33}, 422, "may not specify a duration larger than 2^32 seconds"),
        (
            {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "x"}},
            400,
            "cannot bind token to object",
        ),
        ({"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "x"}}, 404, 'secrets "x" not found'),
    ],
    ids=["too short", "too long", "no such kind of thing", "no such Secret"],
)
def test_requests_that_are_refused(
    account: Account, client: httpx.Client, namespace: str, spec: Any, code: int, text: str
) -> None:
    """Durations and bound objects are judged as by the real server."""
    account()
    answer = client.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/worker/token", json={"spec": spec})

    assert answer.status_code == code
    assert text in answer.json()["message"]


def test_no_token_of_a_missing_account(client: httpx.Client, namespace: str) -> None:
    """It is a 404 that names the account."""
    answer = client.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/nobody/token", json={})

    assert (answer.status_code, answer.json()["message"]) == (404, 'serviceaccounts "nobody" not found')


def test_a_token_ends_with_its_account(account: Account, client: httpx.Client, namespace: str) -> None:
    """The account that was made anew under the same name is another one."""
    worker, path = account(), f"/api/v1/namespaces/{namespace}/serviceaccounts"
    assert whoami(worker)
    client.delete(f"{path}/worker")
    assert worker.get("/api").status_code == 401
    client.post(path, json={"metadata": {"name": "worker"}})
    assert worker.get("/api").status_code == 401


def test_a_token_ends_with_what_it_is_bound_to(
    account: Account, client: httpx.Client, server: Running, namespace: str
) -> None:
    """Deleting the Secret takes the token back."""
    account()
    client.post(f"/api/v1/namespaces/{namespace}/secrets", json={"metadata": {"name": "session"}})
    bound = {"kind": "Secret", "apiVersion": "v1", "name": "session"}
    token = token_of(client, namespace, "worker", boundObjectRef=bound)["status"]["token"]
    with server.client(token=token) as worker:
        assert worker.get("/api").status_code == 200
        client.delete(f"/api/v1/namespaces/{namespace}/secrets/session")
        assert worker.get("/api").status_code == 401


@pytest.mark.parametrize(
    "change",
    [{"exp": 1}, {"iss": "https://elsewhere"}, {"aud": ["broker"]}, {"sub": None}],
    ids=["expired", "another issuer", "meant for somebody else", "of nobody"],
)
def test_tokens_that_are_not_good(
    account: Account, client: httpx.Client, server: Running, namespace: str, change: dict[str, Any]
) -> None:
    """Signed with the right key, and still a 401."""
    account()
    good = token_of(client, namespace, "worker")["status"]["token"]
    claims = jwt.decode(good, options={"verify_signature": False}) | change
    claims = {key: value for key, value in claims.items() if value is not None}
    bad = jwt.encode(claims, (server.data / "service-accounts.key").read_bytes(), "RS256")
    for token, code in ((good, 200), (bad, 401), (good[:-8] + "AAAAAAAA", 401)):
        with server.client(token=token) as caller:
            assert caller.get("/api").status_code == code


def test_the_key_is_private_and_stays(account: Account, server: Running) -> None:
    """Only its owner may read it."""
    account()
    assert (server.data / "service-accounts.key").stat().st_mode & 0o777 == 0o600

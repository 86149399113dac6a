"""Who may send events: tokens of every hostile kind, keys that come and go, and what the endpoint answers."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.identity import (
    DISCOVERY,
    KEYS,
    MAX_AGE_SECONDS,
    PAUSE_SECONDS,
    REFETCH_SECONDS,
    Senders,
)
from shared.web import Unauthorized, WrongSender
from tests.shared.web import EVENT, LIMIT, assert_short, serve

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = "infraforge-application"
TRIGGER = "system:serviceaccount:platform-system:infraforge-applicationclaim-oidc-eventing.knative.dev-trigger"
SUBJECTS = ("system:serviceaccount:platform-system:infraforge-*", "somebody")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P384 = ec.generate_private_key(ec.SECP384R1())
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def public(key: Private, kid: str, **fields: str) -> dict[str, Any]:
    """The key as a JWKS holds it."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    found: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))  # type: ignore[arg-type]  # as chosen above
    return {**found, "kid": kid, "use": "sig"} | fields


def token(
    key: Any = RSA, algorithm: str | None = "RS256", kid: str | None = "one", head: Any = None, **claims: Any
) -> str:
    """A Bearer header of a good token, but for what is given; a claim that is None is left out."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": [AUDIENCE], "sub": TRIGGER, "exp": now + 600, "iat": now, "nbf": now}
    whole = {name: value for name, value in (good | claims).items() if value is not None}
    headers = ({"kid": kid} if kid is not None else {}) | (head or {})
    return "Bearer " + jwt.encode(whole, key, algorithm=algorithm, headers=headers)


def raw(header: Any, claims: Any, signature: bytes = b"x") -> str:
    """A token put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return "Bearer " + ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def mac_with_the_public_key() -> str:
    """HS256, where the secret is what everybody may read: the attack that made the mix-up of algorithms famous."""
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": TRIGGER, "exp": int(time.time()) + 600}
    unsigned = raw({"alg": "HS256", "kid": "one", "typ": "JWT"}, claims).rpartition(".")[0]
    mac = hmac.HMAC(pem, hashes.SHA256())
    mac.update(unsigned.removeprefix("Bearer ").encode())
    return f"{unsigned}.{base64.urlsafe_b64encode(mac.finalize()).rstrip(b'=').decode()}"


@dataclass
class Server:
    """The API server's two documents; `fault` is raised instead of them."""

    keys: list[Any] = field(default_factory=lambda: [public(RSA, "one"), public(EC, "two"), public(P384, "three")])
    issuer: Any = ISSUER
    fault: Exception | None = None
    asked: list[str] = field(default_factory=list)
    now: float = 1000.0

    def __call__(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if self.fault is not None:
            raise self.fault
        return {DISCOVERY: {"issuer": self.issuer, "jwks_uri": "https://192.0.2.1/"}, KEYS: {"keys": self.keys}}[path]

    def senders(self, **options: Any) -> Senders:
        """What checks, with this server and its clock."""
        return Senders(self, AUDIENCE, SUBJECTS, clock=lambda: self.now, **options)

    @property
    def fetched(self) -> int:
        """How often the keys were asked for."""
        return self.asked.count(KEYS)


GOOD: list[tuple[Callable[[], str], str]] = [
    (token, "RS256, as API servers sign by default"),
    (lambda: token(EC, "ES256", "two"), "ES256"),
    (lambda: token(aud=AUDIENCE), "one audience needs no list"),
    (lambda: token(aud=["other", AUDIENCE]), "ours among others"),
    (lambda: token().replace("Bearer", "bearer"), "the scheme's case does not matter"),
    (lambda: token(sub="somebody"), "a pattern without a star is a name"),
    (lambda: token(exp=int(time.time()) - 2), "clocks differ by seconds"),
]


@pytest.mark.parametrize(("made", "reason"), GOOD, ids=[case[1] for case in GOOD])
def test_good_tokens(made: Callable[[], str], reason: str) -> None:
    server = Server()
    senders = server.senders()
    senders(made())
    senders(made())
    assert server.fetched == 1, reason


HOSTILE: list[tuple[Callable[[], str], str]] = [
    (lambda: "", "no token"),
    (lambda: "Bearer", "none behind the scheme"),
    (lambda: "Basic dXNlcjpwYXNz", "another scheme"),
    (lambda: "Bearer a.b", "two parts"),
    (lambda: f"{token()},{token()}", "two headers, which a server joins"),
    (lambda: f"{token()} ", "something behind it"),
    (lambda: "Bearer " + "a" * 20_000 + ".b.c", "beyond all bounds"),
    (lambda: "Bearer !!!.b.c", "no base64"),
    (lambda: raw(["alg"], {}), "a header that is no object"),
    (lambda: raw({"alg": "RS256", "kid": ["one"]}, {}), "a key id that is no string"),
    (lambda: "Bearer " + base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=") + ".b.c", "deep nesting"),
    (lambda: token(None, "none", "one"), "no signature, and it says so"),
    (lambda: raw({"alg": "None", "kid": "one"}, {"sub": TRIGGER}, b""), "the same in another case"),
    (mac_with_the_public_key, "a MAC with the public key"),
    (lambda: token("s" * 32, "HS256", "one"), "a MAC"),
    (lambda: token(RSA, "RS512", "one"), "an algorithm that the key is not for"),
    (lambda: token(RSA, "PS256", "one"), "a padding that the key is not for"),
    (lambda: token(EC, "ES256", "one"), "another key's algorithm"),
    (lambda: token(P384, "ES384", "three"), "a curve that nobody agreed to"),
    (lambda: token(STRANGE), "somebody else's key under a known id"),
    (lambda: token(STRANGE, kid="nobody"), "an unknown key"),
    (lambda: token(kid=None), "no key id"),
    (lambda: token(head={"crit": ["exp"]}), "an extension that must be understood"),
    (lambda: token(STRANGE, head={"jwk": public(STRANGE, "one")}), "the key comes along"),
    (lambda: token(STRANGE, kid="x", head={"jku": "http://192.0.2.1/"}), "or where it is"),
    (lambda: token()[:-4] + "AAAA", "a changed signature"),
    (lambda: token(exp=int(time.time()) - 60), "expired"),
    (lambda: token(exp=None), "good for ever"),
    (lambda: token(exp="tomorrow"), "an end that is no number"),
    (lambda: token(nbf=int(time.time()) + 600), "not good yet"),
    (lambda: token(iss="https://elsewhere"), "another issuer"),
    (lambda: token(iss=None), "no issuer"),
    (lambda: token(aud="infraforge-platform"), "another function's"),
    (lambda: token(aud=["https://kubernetes.default.svc"]), "the API server's own"),
    (lambda: token(aud=[]), "for nobody"),
    (lambda: token(aud=None), "for anybody"),
    (lambda: token(aud=[AUDIENCE.upper()]), "an audience is no host name"),
    (lambda: token(sub=None), "by nobody"),
    (lambda: token(sub=""), "by an empty name"),
]


@pytest.mark.parametrize(("made", "reason"), HOSTILE, ids=[case[1] for case in HOSTILE])
def test_bad_tokens(made: Callable[[], str], reason: str) -> None:
    """All of them are answered alike: nobody learns how near he was."""
    expected = WrongSender if reason == "by an empty name" else Unauthorized
    with pytest.raises(expected) as caught:
        Server().senders()(made())
    assert str(caught.value) in {
        "the request carries no token that is good here: is the sender's audience this function's?",
        "the token is good, and its subject may not send events here",
    }


STRANGERS = [
    "system:serviceaccount:dev:infraforge-applicationclaim-oidc-eventing.knative.dev-trigger",
    "system:serviceaccount:platform-system:default",
    "xsystem:serviceaccount:platform-system:infraforge-x",
    "SYSTEM:serviceaccount:platform-system:infraforge-x",
    "somebody else",
]


@pytest.mark.parametrize("subject", STRANGERS)
def test_strangers(subject: str) -> None:
    with pytest.raises(WrongSender):
        Server().senders()(token(sub=subject))


def test_a_key_that_nobody_knows_is_asked_for_now_and_then() -> None:
    """A rotated key is found; who makes up keys does not keep the API server busy."""
    server = Server()
    senders = server.senders()
    senders(token())
    server.keys = [public(STRANGE, "new")]
    for _ in range(5):
        with pytest.raises(Unauthorized):
            senders(token(STRANGE, kid="new"))
    assert server.fetched == 1
    server.now += REFETCH_SECONDS
    senders(token(STRANGE, kid="new"))
    assert server.fetched == 2
    with pytest.raises(Unauthorized):
        senders(token())


def test_a_key_that_was_withdrawn_is_forgotten() -> None:
    server = Server()
    senders = server.senders()
    senders(token())
    server.keys = []
    server.now += MAX_AGE_SECONDS
    with pytest.raises(Unauthorized):
        senders(token())


@pytest.mark.parametrize("fault", [KubeUnavailable("down"), Forbidden("RBAC says no")])
def test_without_keys_nobody_is_judged(fault: Exception) -> None:
    """It is tried again, and the API server is not asked by every request; RBAC may be mended as well."""
    server = Server(fault=fault)
    senders = server.senders()
    for _ in range(3):
        with pytest.raises(TransientError):
            senders(token())
    assert len(server.asked) == 1
    server.fault = None
    server.now += PAUSE_SECONDS
    senders(token())


def test_known_keys_outlive_the_api_server() -> None:
    server = Server()
    senders = server.senders()
    senders(token())
    server.now += MAX_AGE_SECONDS
    server.fault = KubeUnavailable("down")
    senders(token())
    with pytest.raises(TransientError):
        senders(token(STRANGE, kid="new"))


KEY_SETS: list[tuple[Any, str]] = [
    ([public(RSA, "one", use="enc")], "a key for something else"),
    ([public(RSA, "one", alg="RS512")], "a key for another algorithm"),
    ([{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}], "a secret is no public key"),
    ([{"kty": "RSA", "kid": "one", "n": "x"}, "no key", None], "half a key, and no keys"),
    ([public(RSA, "one") | {"kid": ""}], "a key without a name"),
    (None, "no list"),
]


@pytest.mark.parametrize(("keys", "reason"), KEY_SETS, ids=[case[1] for case in KEY_SETS])
def test_keys_that_are_of_no_use(keys: Any, reason: str) -> None:
    with pytest.raises(Unauthorized):
        Server(keys=keys).senders()(token())


@pytest.mark.parametrize("issuer", [None, "", 7])
def test_no_issuer(issuer: Any) -> None:
    """Without one nobody is judged, unless a setting names it; then nobody asks for it."""
    server = Server(issuer=issuer)
    with pytest.raises(TransientError):
        server.senders()(token())
    server.asked.clear()
    server.senders(issuer=ISSUER)(token())
    assert server.asked == [KEYS]
    with pytest.raises(Unauthorized):
        server.senders(issuer="https://elsewhere")(token())


def test_what_the_endpoint_answers() -> None:
    """Before anything of the event is read. What probes, Prometheus and Gitea ask for stays open."""
    heard: list[str] = []
    server = Server()

    def react(event: Any) -> None:
        heard.append(event.id)

    client = serve(react, verify=server.senders())
    assert client.post("/", headers=EVENT | {"Authorization": token()}).status_code == 204
    answers = [
        (EVENT, 401),
        (EVENT | {"Authorization": token(STRANGE)}, 401),
        (EVENT | {"Authorization": token(sub="stranger")}, 403),
        ({"Authorization": token(sub="stranger")}, 403),
    ]
    for headers, status in answers:
        for body in (b"", b"x" * (LIMIT + 1)):
            answer = client.post("/", headers=headers, data=body)
            assert answer.status_code == status
            assert_short(answer)
    assert client.post("/", headers=EVENT).headers["WWW-Authenticate"] == "Bearer"
    assert heard == ["1"]
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200


def test_the_endpoint_while_there_are_no_keys() -> None:
    client = serve(verify=Server(fault=KubeUnavailable("down")).senders())
    answer = client.post("/", headers=EVENT | {"Authorization": token()})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert_short(answer)

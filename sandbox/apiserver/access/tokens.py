"""Tokens of service accounts: JWTs that this server signs, checks, and lets others check (OpenID Connect discovery).

Source: k8s.io/kubernetes, pkg/serviceaccount/claims.go and openidmetadata.go.
"""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sandbox.apiserver.access.users import AUTHENTICATED, User, account_groups, account_name
from sandbox.apiserver.storage import Storage
from sandbox.apiserver.tls import write_private

Json = dict[str, Any]
CLUSTER_AUDIENCE: Final = "https://kubernetes.default.svc.cluster.local"
"""The audience that a cluster's own API server usually has; taken here beside the server's URL."""
_ALGORITHM: Final = "RS256"
_MOST_KNOWN: Final = 1024
_BOUND: Final = {"pod": "pods", "secret": "secrets"}
_CREDENTIAL: Final = "authentication.kubernetes.io/credential-id"


class InvalidToken(Exception):
    """A token that does not say who somebody is; the text is what a TokenReview shows."""


class Tokens:
    """Issues and checks tokens; `url` is the server's, and so the issuer. The key is made when it is first needed."""

    def __init__(self, key_file: Path, url: str, storage: Storage) -> None:
        self.issuer = url
        self.audiences: tuple[str, ...] = (url, CLUSTER_AUDIENCE)
        self._key_file = key_file
        self._storage = storage
        self._known: dict[str, Json] = {}

    def issue(self, account: Json, audiences: Sequence[str], seconds: int, bound: Json | None) -> str:
        """Return a new token of a stored ServiceAccount; `bound` is the stored Pod or Secret that it ends with."""
        import jwt  # noqa: PLC0415 - slow to import, and a start needs no token

        now, metadata = int(time.time()), account["metadata"]
        claims: Json = {"namespace": metadata["namespace"], "serviceaccount": _reference(account)}
        if bound is not None:
            claims[bound["kind"].lower()] = _reference(bound)
        payload = {
            "aud": list(audiences),
            "exp": now + seconds,
            "iat": now,
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": claims,
            "nbf": now,
            "sub": account_name(metadata["namespace"], metadata["name"]),
        }
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})

    def user(self, token: str, audiences: Sequence[str] = ()) -> tuple[User, list[str]]:
        """Return who the token is of, and which of `audiences` (by default the server's own) it is meant for.

        Raises InvalidToken when it is not ours, has expired, is for somebody else, or its account is gone.
        """
        claims = self._known.get(token) or self._verified(token)
        if claims["exp"] < time.time():
            raise InvalidToken("service account token has expired")
        meant = [name for name in audiences or self.audiences if name in claims["aud"]]
        if not meant:
            raise InvalidToken(
                f"token audiences {_shown(claims['aud'])} is invalid for the target audiences "
                f"{_shown(audiences or self.audiences)}"
            )
        return self._account(claims), meant

    def configuration(self) -> Json:
        """Return the document of `/.well-known/openid-configuration`."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
        }

    def keys(self) -> Json:
        """Return the public key as a JSON Web Key Set, as `/openid/v1/jwks` shows it."""
        from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415 - it brings cryptography along

        key = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        head = {"use": "sig", "kty": key["kty"], "kid": self._key_id, "alg": _ALGORITHM}
        return {"keys": [head | {"n": key["n"], "e": key["e"]}]}

    def _verified(self, token: str) -> Json:
        import jwt  # noqa: PLC0415 - a start checks no token

        try:
            claims: Json = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[_ALGORITHM],
                issuer=self.issuer,
                options={"verify_aud": False, "require": ["exp", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("service account token has expired") from error
        except jwt.InvalidTokenError as error:
            raise InvalidToken("invalid bearer token") from error
        while len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[token] = claims
        return claims

    def _account(self, claims: Json) -> User:
        private = claims["kubernetes.io"]
        namespace, named = private["namespace"], private["serviceaccount"]
        account = self._storage.get("serviceaccounts", (namespace, named["name"]))
        if account is None:
            raise InvalidToken(f'serviceaccount "{named["name"]}" not found')
        uid = account.object["metadata"]["uid"]
        if uid != named["uid"]:
            raise InvalidToken(f"service account UID ({uid}) does not match claim ({named['uid']})")
        extra = {_CREDENTIAL: (f"JTI={claims['jti']}",)}
        for kind, plural in _BOUND.items():
            if kind not in private:
                continue
            entry = self._storage.get(plural, (namespace, private[kind]["name"]))
            if entry is None or entry.object["metadata"]["uid"] != private[kind]["uid"]:
                raise InvalidToken("service account token has been invalidated")
            if kind == "pod":
                extra["authentication.kubernetes.io/pod-name"] = (private[kind]["name"],)
                extra["authentication.kubernetes.io/pod-uid"] = (private[kind]["uid"],)
        groups = (*account_groups(namespace), AUTHENTICATED)
        return User(account_name(namespace, named["name"]), groups, uid, extra)

    @cached_property
    def _key(self) -> Any:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 0.1 s, for a key that most starts do not need
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - only the first token needs a key

        if not self._key_file.exists():
            made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            write_private(self._key_file, made.private_bytes(pem, form, serialization.NoEncryption()).decode())
        return serialization.load_pem_private_key(self._key_file.read_bytes(), None)

    @cached_property
    def _key_id(self) -> str:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 0.1 s, for a key that most starts do not need

        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.sha256(self._key.public_key().public_bytes(encoding, form)).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _reference(value: Json) -> Json:
    return {"name": value["metadata"]["name"], "uid": value["metadata"]["uid"]}


def _shown(names: Sequence[str]) -> str:
    """Return strings as Go prints a slice of them with %q."""
    return "[" + " ".join(json.dumps(name) for name in names) + "]"

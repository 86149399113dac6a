"""The kinds that ask about users and rights: access reviews, TokenReview and SelfSubjectReview. None is stored."""

import json
from collections.abc import Callable
from typing import Any, Final

from sandbox.apiserver.access.attributes import Attributes
from sandbox.apiserver.access.authentication import Authenticator
from sandbox.apiserver.access.rbac import Rbac
from sandbox.apiserver.access.tokens import InvalidToken
from sandbox.apiserver.access.users import User
from sandbox.apiserver.causes import Cause
from sandbox.apiserver.errors import bad_request, invalid
from sandbox.apiserver.resources import Resource
from sandbox.apiserver.timestamps import timestamp

Json = dict[str, Any]
_UNNAMED: Final = ".authorization.k8s.io"
"""The kind in refusals of access reviews: the real server does not know it there."""


class Reviews:
    """Fills the status of a review."""

    def __init__(self, authenticator: Authenticator, rbac: Rbac) -> None:
        self._authenticator = authenticator
        self._rbac = rbac
        self._kinds: dict[str, Callable[[Json, User], Json]] = {
            "LocalSubjectAccessReview": self._local_access,
            "SelfSubjectAccessReview": self._access,
            "SelfSubjectReview": lambda _, user: {"userInfo": user.to_json()},
            "SelfSubjectRulesReview": self._rules,
            "SubjectAccessReview": lambda review, _: self._access(review, _subject(review)),
            "TokenReview": lambda review, _: self._token(review),
        }

    def answer(self, resource: Resource, review: Json, user: User) -> Json:
        """Return a decoded review that `user` asks for with its status; raises the 4xx of one that asks nothing."""
        answered = review | {"status": self._kinds[resource.kind](review, user)}
        if resource.kind == "SelfSubjectReview":
            answered["metadata"] = review["metadata"] | {"creationTimestamp": timestamp()}
        if resource.kind == "SelfSubjectRulesReview":
            # The real server keeps the question to itself.
            answered |= {"metadata": {}, "spec": {}}
        return answered

    def _local_access(self, review: Json, _: User) -> Json:
        wanted = (review.get("spec", {}).get("resourceAttributes") or {}).get("namespace", "")
        if wanted != review["metadata"].get("namespace", ""):
            text = f'Invalid value: "{wanted}": must match metadata.namespace'
            causes = [Cause("FieldValueInvalid", text, "spec.resourceAttributes.namespace")]
            raise invalid(_UNNAMED, "", causes)
        return self._access(review, _subject(review))

    def _access(self, review: Json, user: User) -> Json:
        decision = self._rbac.decide(user, _wish(review))
        return {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})

    def _rules(self, review: Json, user: User) -> Json:
        namespace = review.get("spec", {}).get("namespace")
        if not namespace:
            raise bad_request("no namespace on request")
        rules, errors = self._rbac.rules(user, namespace)
        resources = [_listed(rule.raw, "apiGroups", "resources", "resourceNames") for rule in rules]
        paths = [_listed(rule.raw, "nonResourceURLs") for rule in rules]
        status: Json = {
            "resourceRules": [rule for rule in resources if rule.get("resources")],
            "nonResourceRules": [rule for rule in paths if rule.get("nonResourceURLs")],
            "incomplete": False,
        }
        return status | ({"evaluationError": ", ".join(errors)} if errors else {})

    def _token(self, review: Json) -> Json:
        spec = review.get("spec") or {}
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        try:
            user, meant = self._authenticator.reviewed(spec["token"], spec.get("audiences") or [])
        except InvalidToken as error:
            return {"user": {}, "error": str(error)}
        return {"authenticated": True, "user": user.to_json(), "audiences": meant}


def _wish(review: Json) -> Attributes:
    spec = review.get("spec") or {}
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is None:
        keys = ("group", "version", "resource", "subresource", "namespace", "name")
        return Attributes(resource.get("verb", ""), **{key: resource.get(key, "") for key in keys})
    if path is not None and resource is None:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    if path is not None:
        shown = json.dumps({"Path": path.get("path", ""), "Verb": path.get("verb", "")}, separators=(",", ":"))
        text = f"Invalid value: {shown}: cannot be specified in combination with resourceAttributes"
        problem = Cause("FieldValueInvalid", text, "spec.nonResourceAttributes")
    else:
        text = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        problem = Cause("FieldValueInvalid", text, "spec.resourceAttributes")
    raise invalid(_UNNAMED, "", [problem])


def _subject(review: Json) -> User:
    spec = review.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        text = 'Invalid value: "": at least one of user or group must be specified'
        causes = [Cause("FieldValueInvalid", text, "spec.user")]
        raise invalid(_UNNAMED, "", causes)
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)


def _listed(rule: Json, *keys: str) -> Json:
    return {key: rule[key] for key in ("verbs", *keys) if rule.get(key)}

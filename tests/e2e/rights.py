"""What the chart's roles grant a ServiceAccount, and what it made use of, by the API server's audit log."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVERYWHERE = ""
CREATED = 201


@dataclass(frozen=True, order=True)
class Right:
    """A verb on a resource (with its subresource behind a slash), in one namespace or everywhere."""

    namespace: str
    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}{where}"


@dataclass(frozen=True)
class Request:
    """One that an account made. The namespace is empty where it was about all of them."""

    user: str
    right: Right
    allowed: bool

    @classmethod
    def of(cls, line: Mapping[str, Any], verb: str) -> "Request":
        """A line of the log, for one of the verbs that it needs."""
        resource = "/".join(filter(None, (line["resource"], line["subresource"])))
        return cls(line["user"], Right(line["namespace"], verb, line["group"], resource), line["allowed"])


def granted(objects: Iterable[Mapping[str, Any]], account: str) -> set[Right]:
    """What is bound to an account, by the roles and bindings among some objects."""
    found = list(objects)
    roles = {_identity(one): one for one in found if one["kind"] in ("Role", "ClusterRole")}
    rights: set[Right] = set()
    for binding in found:
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding") and _is_for(binding, account):
            reference = binding["roleRef"]
            namespace = binding["metadata"].get("namespace", EVERYWHERE)
            role = roles[reference["kind"], namespace if reference["kind"] == "Role" else "", reference["name"]]
            rights |= {
                Right(namespace, verb, group, resource)
                for rule in role["rules"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return rights


def requests(log: Path, account: str) -> set[Request]:
    """What an account asked for, each kind of request once."""
    found: set[Request] = set()
    for text in log.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["user"] == account and line["resource"]:
            found.add(Request.of(line, line["verb"]))
            if line["verb"] == "patch" and line["code"] == CREATED:
                found.add(Request.of(line, "create"))  # an apply of what is not there needs both
    return found


def missing(asked: Iterable[Request]) -> set[Right]:
    """What was refused."""
    return {one.right for one in asked if not one.allowed}


def surplus(rights: set[Right], asked: Iterable[Request]) -> set[Right]:
    """What no request needed. A right in a namespace serves before one that holds everywhere."""
    needed: set[Right] = set()
    for one in asked:
        wish = one.right
        everywhere = Right(EVERYWHERE, wish.verb, wish.group, wish.resource)
        needed.add(wish if wish in rights else everywhere)
    return rights - needed


def user(namespace: str, account: str) -> str:
    """The account's name as the API server logs it."""
    return f"system:serviceaccount:{namespace}:{account}"


def _identity(role: Mapping[str, Any]) -> tuple[str, str, str]:
    return role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]


def _is_for(binding: Mapping[str, Any], account: str) -> bool:
    subjects = (one for one in binding.get("subjects") or () if one["kind"] == "ServiceAccount")
    return any(user(one["namespace"], one["name"]) == account for one in subjects)

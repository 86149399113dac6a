"""Each ServiceAccount may do what the product does, and nothing else: the API server's log against the chart's roles.

Everything that the product is for happens once in one sandbox; what a role grants and nobody used is named, and so is
what was refused. `UNSEEN` names what cannot happen in a sandbox, each with its reason.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.supervisor import chart
from tests.e2e import claims, rights
from tests.e2e.box import FUNCTIONS, SELDOM, Box, condition
from tests.e2e.command import Infraforge, up_arguments
from tests.e2e.rights import EVERYWHERE, Request, Right
from tests.e2e.waiting import until

SYSTEM, ARGOCD = "platform-system", "argocd"
GROUP, ARGO = "platform.infraforge.io", "argoproj.io"
ACCOUNTS = ("bootstrap", "application", "platform", "deadletters", "source", "setup")
VALUES = "environments/nonprod/dev/applications/user-service/values.yaml"
PLATFORM = "bootstrapclaim/platform-bootstrap"
PATIENCE = 120.0
KINDS = ("applicationclaim", "bootstrapclaim", "infrastructureclaim", "platformclaim")
CLAIMS = tuple(f"{kind}s" for kind in KINDS)
SECRET = "qa-platform-postgres-auth"

UNSEEN: dict[str, dict[Right, str]] = {
    "source": {
        Right(namespace, "get", group, resource): "Knative asks whether the account may, and its informer never does"
        for namespace, group, resources in (
            (EVERYWHERE, GROUP, CLAIMS),
            (ARGOCD, ARGO, ("applications", "applicationsets")),
            (SYSTEM, GROUP, ("deadletters",)),
        )
        for resource in resources
    },
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The audit log of a sandbox in which everything happened once."""
    if up_arguments():
        pytest.skip("needs the sandbox's own API server, which writes the log")
    path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    box = Box(Infraforge(tmp_path_factory.mktemp("least")), options=(*SELDOM, "--audit-log", str(path)))
    try:
        box.up()
        _live(box, tmp_path_factory.mktemp("person"))
        yield path
    finally:
        box.down()


def _live(box: Box, folder: Path) -> None:
    """What the product is for."""
    box.apply(*claims.examples())
    box.wait_true()
    _deployed(box)
    _bind(box)
    _edit_by_hand(box, folder)
    _give_up(box)
    _change_namespaces(box)
    _resync(box)
    _change_password(box)
    _remove(box)


def _deployed(box: Box) -> None:
    def look() -> bool:
        return all(condition(one, "Deployed")[0] == "True" for one in box.all())

    until(look, "everything is deployed", PATIENCE)


def _bind(box: Box) -> None:
    """An application uses a service: passwords and their copies."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "qa"}}
    row = claims.application("shop") | {"bindings": ["postgres"]}
    services = {"clusterType": "nonprod", "environment": "qa", "services": [{"name": "postgres", "values": {}}]}
    box.apply(
        namespace,
        claims.claim("PlatformClaim", "platform-services", "qa-platform", services),
        claims.applications("qa-apps", "qa", [row, claims.application("other")], namespace="qa"),
    )
    box.wait_reason("applicationclaim/qa-apps", "qa", "Committed")
    _deployed(box)


def _edit_by_hand(box: Box, folder: Path) -> None:
    """A stranger's push, told by the webhook and undone."""
    person = box.person(folder / "clone")
    person.start()
    before = box.voltran.file(VALUES)
    person.write(VALUES, f"{before}stranger: true\n")
    person.commit("A hand edit")
    person.push()
    until(lambda: "stranger" in box.voltran.file(VALUES), "it is there")
    until(lambda: box.voltran.file(VALUES) == before, "it is undone")
    box.wait_true()


def _give_up(box: Box) -> None:
    """Events that nobody takes become letters and are told to their claims; one is sent again, others thrown away."""
    once = json.dumps({"spec": {"delivery": {"retry": 0}}})
    for kind in KINDS:
        box.kubectl("patch", f"trigger/infraforge-{kind}", "-n", SYSTEM, "--type=merge", "-p", once)
    until(lambda: _retries(box) == {0}, "the broker has heard of it")
    box.end(*FUNCTIONS)
    touched = list({one["kind"]: one for one in box.all()}.values())
    assert len(touched) == len(KINDS)
    for one in touched:
        box.kubectl(
            "label", f"{one['kind']}/{one['metadata']['name']}", "-n", one["metadata"]["namespace"], "touched=yes"
        )
    for one in touched:
        until(lambda one=one: _delivered(box, one) == "False", f"{one['kind']} {one['metadata']['name']} says so")
    box.up()
    _give_up_twice(box, touched[0])
    _event(box, "replay", _letters(box)[0])
    for letter in _letters(box):
        _event(box, "delete", letter)
    until(lambda: not _letters(box), "there is no letter left")


def _give_up_twice(box: Box, claim: Any) -> None:
    """A Broker delivers at least once, to its dead-letter sink too: the second time it is the same letter."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "twice",
        "ce-source": "/infraforge/tests",
        "ce-type": "dev.knative.apiserver.resource.update",
        "ce-kind": claim["kind"],
        "ce-apiversion": claim["apiVersion"],
        "ce-namespace": claim["metadata"]["namespace"],
        "ce-name": claim["metadata"]["name"],
        "ce-knativeerrordest": "http://nowhere.test/",
        "ce-knativeerrorcode": "500",
        "content-type": "application/json",
    }
    components = {one["name"]: one["url"] for one in box.described["components"]}
    for _ in range(2):
        answer = httpx.post(components["deadletters"], headers=headers, content=b"{}", timeout=30)
        assert answer.status_code == 202, answer.text


def _event(box: Box, command: str, letter: str) -> None:
    done = box.command.run(f"events {command}", letter)
    assert done.returncode == 0, done.stdout + done.stderr


def _retries(box: Box) -> set[int]:
    """Of the triggers of claims, as the broker delivers."""
    status = httpx.get(f"{box.described['broker']['url']}/-/status").raise_for_status().json()
    names = {f"infraforge-{kind}" for kind in KINDS}
    return {int(one["delivery"]["retry"]) for one in status["triggers"] if one["name"] in names}


def _delivered(box: Box, claim: Any) -> str:
    live = box.get(f"{claim['kind']}/{claim['metadata']['name']}", claim["metadata"]["namespace"])
    conditions = (live.get("status") or {}).get("conditions", ())
    return next((one["status"] for one in conditions if one["type"] == "Delivered"), "")


def _letters(box: Box) -> list[str]:
    listed = json.loads(box.kubectl("get", "deadletters", "-n", SYSTEM, "-o", "json"))["items"]
    return [one["metadata"]["name"] for one in listed]


def _change_namespaces(box: Box) -> None:
    """Namespaces of an environment that has nothing else: its set is theirs, and goes with them."""
    spec = {"clusterType": "nonprod", "environment": "sandbox", "namespaces": [{"name": "sandbox"}]}
    box.apply(claims.claim("InfrastructureClaim", SYSTEM, "lone", spec))
    box.wait_true()
    _deployed(box)


def _resync(box: Box) -> None:
    box.ping()
    box.wait_true()


def _change_password(box: Box) -> None:
    """Whoever changes a service's password has it beside its applications after the next look."""
    value = base64.b64encode(b"another").decode()
    patch = json.dumps({"data": {"password": value}})
    box.kubectl("patch", f"secret/{SECRET}", "-n", "platform-services", "--type=merge", "-p", patch)
    box.ping(["application"])
    until(lambda: box.get(f"secret/{SECRET}", "qa")["data"]["password"] == value, "it is copied")


def _remove(box: Box) -> None:
    """Every claim goes: held, confirmed, and its workloads with it; the platform last."""
    for document in box.all():
        metadata, kind = document["metadata"], document["kind"]
        if kind != "BootstrapClaim":
            claim = f"{kind.lower()}/{metadata['name']}"
            box.kubectl("delete", claim, "-n", metadata["namespace"], "--wait=false")
            box.wait_reason(claim, metadata["namespace"], "ConfirmationRequired")
            done = box.command.run("confirm", f"{kind}/{metadata['namespace']}/{metadata['name']}", "--yes")
            assert done.returncode == 0, done.stderr
            _gone(box, claim, metadata["namespace"])
    box.kubectl("delete", PLATFORM, "-n", SYSTEM, "--wait=false")
    box.ping(["bootstrap"])
    _gone(box, PLATFORM, SYSTEM)


def _gone(box: Box, claim: str, namespace: str) -> None:
    until(lambda: box.get(claim, namespace) is None, f"{claim} is gone", PATIENCE)


@pytest.fixture(scope="module")
def objects() -> list[Any]:
    """What the chart makes of a sandbox's values, its hooks included."""
    rendering = chart.render({})
    return [*rendering.objects, *rendering.hooks]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_nothing_was_refused(log: Path, account: str) -> None:
    """Every request that the product makes is granted."""
    asked = rights.requests(log, rights.user(SYSTEM, f"infraforge-{account}"))
    assert asked, "it did something"
    assert sorted(map(str, rights.missing(asked))) == []


@pytest.mark.parametrize("account", ACCOUNTS)
def test_nothing_is_granted_that_nobody_used(log: Path, objects: list[Any], account: str) -> None:
    """Each right has a request of this one run behind it, or a reason."""
    user = rights.user(SYSTEM, f"infraforge-{account}")
    held = rights.granted(objects, user)
    assert held, "it may do something"
    unused = rights.surplus(held, rights.requests(log, user))
    excused = UNSEEN.get(account, {})
    assert sorted(map(str, unused - excused.keys())) == []
    assert sorted(map(str, excused.keys() - unused)) == [], "an excuse that is none any more"


def test_the_comparison_names_what_is_too_little_and_too_much() -> None:
    """A right in a namespace serves before one everywhere; what is left over is named."""
    get, everywhere = Right("n", "get", "", "secrets"), Right(EVERYWHERE, "get", "", "secrets")
    other, refused = Right("m", "get", "", "secrets"), Right("n", "delete", "", "secrets")
    asked = {Request("u", get, allowed=True), Request("u", refused, allowed=False)}
    assert rights.surplus({get, everywhere}, asked) == {everywhere}
    assert rights.surplus({everywhere, refused}, {Request("u", other, allowed=True)}) == {refused}
    assert rights.missing(asked) == {refused}
    assert str(refused) == "delete secrets in n"

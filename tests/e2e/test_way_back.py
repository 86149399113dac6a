"""Why a claim is not up, what became of it, and the ways back: rollback, promotion, and a cluster that was lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from cli.why.command import NOT_WELL
from tests.e2e import claims
from tests.e2e.box import SELDOM, Box
from tests.e2e.command import Infraforge
from tests.e2e.waiting import until

APPS = "applicationclaim/dev-apps"
CLAIM = "appclaim/dev/dev-apps"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The example platform, all of it in Git."""
    made = Box(Infraforge(tmp_path_factory.mktemp("way-back")), options=SELDOM)
    try:
        made.up()
        made.apply(*claims.examples())
        made.wait_true()
        yield made
    finally:
        made.down()


def why(box: Box, *arguments: str) -> Any:
    """What it says, whatever that is."""
    done = box.command.run("why", CLAIM, *arguments, "-o", "json")
    assert done.returncode in (exits.OK, NOT_WELL), done.stderr
    found = json.loads(done.stdout)
    assert found["well"] == (done.returncode == exits.OK)
    return found


def set_tag(box: Box, tag: str) -> None:
    """Another image for the first application."""
    patch = json.dumps([{"op": "replace", "path": "/spec/applications/0/image/tag", "value": tag}])
    box.kubectl("patch", APPS, "-n", "dev", "--type=json", "-p", patch)


def tag(box: Box, namespace: str = "dev") -> str:
    """Of the first application."""
    name = APPS if namespace == "dev" else "applicationclaim/prod-apps"
    return str(box.get(name, namespace)["spec"]["applications"][0]["image"]["tag"])


def commits(box: Box) -> Any:
    """The claim's history."""
    return box.command.json("history", CLAIM)["commits"]


def test_it_is_told_why_and_the_claim_goes_back(box: Box) -> None:
    """A tag that does not exist; then one that does, and back to the first: the tree is what it was."""
    tree, (first,) = box.voltran.tree(), commits(box)
    assert (first["what"], first["generation"], bool(first["fieldManager"])) == ("created", 1, True)
    set_tag(box, "v9.9.9")
    box.wait_reason(APPS, "dev", "TagNotFound")
    held = why(box)["first"]
    assert (held["step"], held["subject"], held["state"]) == ("row", "ecommerce-platform", "wrong")
    assert held["message"].startswith("TagNotFound: ghcr.io/infraforge/ecommerce-platform has no tag v9.9.9")
    set_tag(box, "v1.2.2")
    box.wait_true()
    newest = commits(box)[0]
    assert newest["changes"] == [
        {"path": "applications[ecommerce-platform].image.tag", "before": "v1.2.3", "after": "v1.2.2"}
    ]
    assert newest["fieldManager"] == "kubectl-patch"
    assert box.voltran.tree() != tree
    done = box.command.run("rollback", CLAIM, "--to", first["commit"][:10], "--yes")
    assert done.returncode == exits.OK, done.stderr
    box.wait_true()
    assert tag(box) == "v1.2.3"
    assert box.voltran.tree() == tree
    back = commits(box)[0]
    assert (back["what"], back["fieldManager"]) == ("changed", "infraforge-cli")


def test_an_image_that_never_starts_is_followed_to_its_deployment(box: Box) -> None:
    """The claim is Ready and the Application Synced; what says why is the workload."""
    until(lambda: why(box)["well"], "everything runs")
    shared = [link["step"] for link in why(box)["links"]]
    assert shared == ["claim", "event", "platform", "valid", "commit", "root", "set"]
    set_tag(box, "v1.3.0-rc.1")
    box.wait_true()
    until(lambda: (why(box, "ecommerce-platform")["first"] or {}).get("state") == "wrong", "it is not well")
    first = why(box)["first"]
    assert (first["step"], first["subject"]) == ("object", "deployment/dev-ecommerce-platform in dev")
    assert first["message"].startswith("ProgressDeadlineExceeded: ")
    assert first["look"].startswith("kubectl describe deployment/dev-ecommerce-platform -n dev --kubeconfig ")
    assert why(box, "user-service")["well"]
    set_tag(box, "v1.2.3")
    box.wait_true()


def test_a_hand_edit_stands_in_the_history(box: Box, tmp_path: Path) -> None:
    person = box.person(tmp_path / "clone")
    person.start()
    path = "environments/nonprod/dev/applications/user-service/values.yaml"
    person.write(path, person.read(path) + "mine: true\n")
    edit = person.commit("I know better")
    person.push()
    until(lambda: box.voltran.head() != edit, "it is restored")
    box.wait_true()
    restored = commits(box)[0]
    assert (restored["what"], restored["changes"], restored["fieldManager"]) == ("restored", [], None)
    assert edit[:12] in restored["drift"]


def test_a_function_that_does_not_run_is_named(box: Box) -> None:
    box.end("application")
    try:
        set_tag(box, "v1.2.2")
        first = why(box)["first"]
    finally:
        box.up()
    assert (first["step"], first["subject"], first["state"]) == ("event", "the sandbox's application", "wrong")
    assert "infraforge logs application" in first["look"]
    box.ping()
    box.wait_true()


def test_tags_are_promoted(box: Box) -> None:
    set_tag(box, "v1.2.1")
    box.wait_true()
    done = box.command.run("promote", "dev", "prod", "ecommerce-platform", "--yes")
    assert done.returncode == exits.OK, done.stderr
    assert tag(box, "prod") == "v1.2.1"
    box.wait_true()


def test_a_lost_cluster_is_restored_without_a_commit(box: Box, tmp_path: Path) -> None:
    """The claims come back exactly as they were, and the functions find that all of it is in Git."""
    before = {claims_name(one): one["spec"] for one in box.all()}
    person = box.person(tmp_path / "clone")
    person.start()
    assert box.command.run("down").returncode == exits.OK
    objects = list((box.command.data_dir / "apiserver").glob("objects.db*"))
    assert objects
    for file in objects:
        file.unlink()
    box.up()
    assert box.all() == []
    head = box.voltran.head()
    shown = box.command.json("restore", "--from", str(person.clone), "--dry-run")["claims"]
    assert {f"{one['kind']}/{one['name']}" for one in shown if one["action"] == "create"} >= before.keys()
    assert box.all() == []
    done = box.command.run("restore", "--from", str(person.clone), "--yes")
    assert done.returncode == exits.OK, done.stderr
    box.wait_true()
    box.ping()
    box.wait_true()
    assert {claims_name(one): one["spec"] for one in box.all()} == before
    assert box.voltran.head() == head


def claims_name(document: Any) -> str:
    """Kind and name."""
    return f"{document['kind']}/{document['metadata']['name']}"

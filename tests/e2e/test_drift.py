"""What strangers do to generated files is undone, told, and can be kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.box import Box
from tests.e2e.person import Person
from tests.e2e.waiting import until

DEV = "environments/nonprod/dev/applications"
VALUES = f"{DEV}/user-service/values.yaml"
SECONDS = 30.0
"""Gitea tells of a push after 1 to 4 s, and this machine may be busy; a resync is an hour away."""


@pytest.fixture
def person(box: Box, tmp_path: Path) -> Person:
    """Somebody with a clone of what there is."""
    made = box.person(tmp_path / "clone")
    made.start()
    return made


def edit_values(person: Person) -> None:
    person.write(VALUES, person.read(VALUES).replace("replicas: 1", "replicas: 7"))


def add_application(person: Person) -> None:
    person.write(f"{DEV}/stray/values.yaml", "replicas: 1\n")
    person.write(f"{DEV}/stray/more/deep.txt", "deep\n")


def add_set(person: Person) -> None:
    known = person.read("appsets/nonprod/apps/dev-appset.yaml")
    person.write("appsets/nonprod/apps/stray-appset.yaml", known.replace("dev", "stray"))


def add_readme(person: Person) -> None:
    person.write("README.md", "# Ours\n")


def remove_application(person: Person) -> None:
    person.git("rm", "-q", "-r", f"{DEV}/user-service")


def remove_environment(person: Person) -> None:
    person.git("rm", "-q", "-r", "environments/nonprod")


def empty_it(person: Person) -> None:
    person.git("rm", "-q", "-r", ".")


def edit_services(person: Person) -> None:
    for name in ("postgres", "rabbitmq"):
        path = f"environments/prod/prod/platform/{name}/values.yaml"
        person.write(path, person.read(path) + "stranger: true\n")


def edit_namespaces(person: Person) -> None:
    path = "environments/nonprod/dev/platform/namespaces/values.yaml"
    person.write(path, person.read(path).replace("role: view", "role: admin"))


def edit_root_app(person: Person) -> None:
    path = "root-apps/prod/apps-rootapp.yaml"
    person.write(path, person.read(path) + "# mine\n")


@dataclass(frozen=True)
class Case:
    edit: Callable[[Person], None]
    claims: frozenset[str]
    """Whose commits restore it."""
    reason: str


DEV_APPS, PLATFORM = "ApplicationClaim/dev/dev-apps", "BootstrapClaim/platform-system/platform-bootstrap"
DEV_SERVICES = "PlatformClaim/platform-services/dev-platform"
DEV_NAMESPACES = "InfrastructureClaim/platform-system/dev-infrastructure"
CASES = [
    Case(edit_values, frozenset({DEV_APPS}), "a value that the claim has otherwise"),
    Case(add_application, frozenset({DEV_APPS}), "a folder that ArgoCD would deploy"),
    Case(add_set, frozenset({PLATFORM}), "a set for an environment that does not exist"),
    Case(add_readme, frozenset({PLATFORM}), "the fixed structure has no README"),
    Case(remove_application, frozenset({DEV_APPS}), "what the claim still wants"),
    Case(remove_environment, frozenset({DEV_APPS, DEV_SERVICES, DEV_NAMESPACES, PLATFORM}), "of four claims at once"),
    Case(edit_namespaces, frozenset({DEV_NAMESPACES}), "access that no claim gives"),
    Case(edit_services, frozenset({"PlatformClaim/platform-services/prod-platform"}), "two files of a PlatformClaim"),
    Case(edit_root_app, frozenset({PLATFORM}), "the structure itself"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.edit.__name__)
def test_a_push_is_undone(box: Box, person: Person, case: Case) -> None:
    """Through the webhook, byte for byte, in one commit of each claim that it concerns."""
    before = box.voltran.tree()
    case.edit(person)
    strange = person.commit("A hand edit")
    person.push()
    until(lambda: box.voltran.tree() == before, f"what was before: {case.reason}", SECONDS)
    box.wait_true()
    restoring = box.voltran.log(f"{strange}..main")
    assert sorted(one.claim for one in restoring) == sorted(case.claims), case.reason
    for one in restoring:
        assert f"{strange[:12]} ({person.author})" in one.message
    assert strange in {one.sha for one in box.voltran.log()}, "its history stays"


def test_the_claim_tells_of_it_and_adopt_keeps_it(box: Box, person: Person) -> None:
    """History and Event say who did what and what undid it; the patch makes the very same file."""
    before = box.voltran.tree()
    edit_values(person)
    strange = person.commit("More replicas")
    person.push()
    until(lambda: box.voltran.tree() == before and box.voltran.head() != strange, "it is restored", SECONDS)
    (restored,) = box.voltran.log(f"{strange}..main")

    def entry() -> dict[str, str] | None:
        history = box.get("appclaim/dev-apps", "dev")["status"]["history"]
        return next((one for one in history if one.get("commit") == strange), None)

    told = until(entry, "the status tells of it")
    assert told is not None
    assert (told["reason"], told["author"], told["restored"]) == ("Drifted", person.author, restored.sha)
    assert VALUES in told["message"] or f"{DEV}/user-service" in told["message"]
    described = until(lambda: _events(box, "Drifted", strange[:12]), "an Event tells of it")
    assert "Warning" in described
    assert person.author in described

    printed = box.command.run("adopt", "appclaim/dev/dev-apps")
    assert printed.returncode == 0, printed.stderr
    test, edit = json.loads(printed.stdout)
    assert test == {"op": "test", "path": "/spec/applications/1/name", "value": "user-service"}
    assert edit == {"op": "replace", "path": "/spec/applications/1/values/replicas", "value": 7}
    box.kubectl("patch", "appclaim/dev-apps", "-n", "dev", "--type=json", "-p", printed.stdout)
    until(lambda: box.voltran.tree().get(VALUES) == box.voltran.tree(strange)[VALUES], "the hand edit is there")
    box.wait_true()
    assert yaml.safe_load(box.voltran.file(VALUES))["replicas"] == 7


def test_more_commits_than_gitea_lists(box: Box, person: Person) -> None:
    """A delivery names five; the first of these seven is the one that matters."""
    before = box.voltran.tree()
    edit_values(person)
    person.write(VALUES, person.read(VALUES) + "stranger: true\n")
    person.commit("What matters")
    for number in range(6):
        person.git("commit", "-q", "--allow-empty", "-m", f"Nothing {number}")
    person.push()
    until(lambda: box.voltran.tree() == before, "it is restored", SECONDS)
    box.wait_true()


def test_a_force_push_back(box: Box, person: Person) -> None:
    """Two commits of ours are gone from the branch: what they had written is written again, on top of what is there."""
    before, was = box.voltran.tree(), {one.sha for one in box.voltran.log()}
    base = person.git("rev-parse", "HEAD~2")
    person.git("reset", "-q", "--hard", base)
    person.push("--force")
    until(lambda: box.voltran.tree() == before, "what was before", SECONDS)
    box.wait_true()
    new = [one for one in box.voltran.log() if one.sha not in was]
    assert all(one.claim for one in new), "all of it written by claims"
    assert base in {one.sha for one in box.voltran.log()}, "and nothing was forced in return"


def test_a_rewritten_history(box: Box, person: Person) -> None:
    """One commit without a past, that has everything and a change."""
    before = box.voltran.tree()
    person.git("checkout", "-q", "--orphan", "rewritten")
    edit_services(person)
    root = person.commit("All history is mine")
    person.push("--force")
    until(lambda: box.voltran.tree() == before, "what was before", SECONDS)
    for kind, namespace in (("appclaim/dev-apps", "dev"), ("platformclaim/prod-platform", "platform-services")):
        box.wait_reason(kind, namespace, "Committed")
    assert box.voltran.log()[-1].sha == root

    def named() -> set[str]:
        return {document["status"]["commit"]["sha"] for document in box.all()}

    until(lambda: named() <= {one.sha for one in box.voltran.log()}, "no status names a commit that is gone", SECONDS)


def test_a_deleted_branch(box: Box, person: Person) -> None:
    """Gitea deletes no default branch, so it is made another's first."""
    before = box.voltran.tree()
    person.api("POST", "/repos/platform/voltran/branches", {"new_branch_name": "other", "old_branch_name": "main"})
    person.api("PATCH", "/repos/platform/voltran", {"default_branch": "other"})
    person.api("DELETE", "/repos/platform/voltran/branches/main")
    until(lambda: box.voltran.head() and box.voltran.tree() == before, "what was before", SECONDS)
    person.api("PATCH", "/repos/platform/voltran", {"default_branch": "main"})
    box.wait_true()


def test_a_deleted_repository(box: Box, person: Person) -> None:
    """Its hooks went with it; the organization's tells of it."""
    before = box.voltran.tree()
    person.api("DELETE", "/repos/platform/voltran")
    until(lambda: box.voltran.head() and box.voltran.tree() == before, "the same bytes", SECONDS)
    box.wait_true()
    assert all(one.claim for one in box.voltran.log())


def test_nobody_was_there_to_hear_the_webhook(box: Box, person: Person) -> None:
    """Gitea tells once. The ping that `up` sends finds it."""
    before = box.voltran.tree()
    box.end("bootstrap")
    edit_services(person)
    strange = person.commit("Unheard")
    lost = _undelivered(box)
    person.push()
    until(lambda: _undelivered(box) > lost, "the delivery failed")
    assert box.voltran.head() == strange
    box.up()
    until(lambda: box.voltran.tree() == before, "the resync restores it", SECONDS)
    box.wait_true()


def test_the_hook_was_switched_off(box: Box, person: Person) -> None:
    """The resync restores the files, and the hook for the next time."""
    before = box.voltran.tree()
    (hook,) = person.api("GET", "/orgs/platform/hooks")
    person.api("PATCH", f"/orgs/platform/hooks/{hook['id']}", {"active": False})
    edit_root_app(person)
    add_application(person)
    strange = person.commit("Behind their backs")
    person.push()
    assert box.voltran.head() == strange
    box.ping()
    assert box.voltran.tree() == before, "restored when the functions have answered"
    box.wait_true()
    assert [one["active"] for one in person.api("GET", "/orgs/platform/hooks")] == [True]


def test_our_own_pushes_cause_no_work(box: Box) -> None:
    """After a claim's commit the functions hear of it, and nothing follows."""
    told = _delivered(box)
    row = box.get("appclaim/prod-apps", "prod")["spec"]["applications"][0]
    patch = [{"op": "replace", "path": "/spec/applications/0/values/replicas", "value": row["values"]["replicas"] + 1}]
    head = box.voltran.head()
    box.kubectl("patch", "appclaim/prod-apps", "-n", "prod", "--type=json", "-p", json.dumps(patch))
    box.wait_true()
    until(lambda: _delivered(box) > told, "Gitea has told of it")
    box.wait_quiet()
    versions = box.versions()
    box.ping()
    assert len(box.voltran.log(f"{head}..main")) == 1
    assert box.versions() == versions


def _events(box: Box, *words: str) -> str:
    """What `kubectl describe` shows below Events, when all words are in it."""
    described = box.kubectl("describe", "appclaim/dev-apps", "-n", "dev").partition("\nEvents:")[2]
    return described if all(word in described for word in words) else ""


def _undelivered(box: Box) -> int:
    return box.voltran.gitea_log.read_text().count("push not delivered")


def _delivered(box: Box) -> int:
    return box.voltran.gitea_log.read_text().count("push delivered")

"""No accident in Git or ArgoCD costs a workload: what runs before is the very same that runs afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.box import Box
from tests.e2e.deployment import (
    APPLICATIONS,
    ARGOCD,
    SETS,
    has_failed,
    have_argocd_look,
    looked_at,
    named,
    not_deployed,
    wait_deployed,
    workloads,
)
from tests.e2e.person import Person
from tests.e2e.waiting import until

DEV = "environments/nonprod/dev/applications"
RUNNING = {
    *("Deployment/dev/dev-ecommerce-platform", "Deployment/dev/dev-user-service"),
    *("StatefulSet/platform-services/dev-platform-postgres", "StatefulSet/platform-services/prod-platform-rabbitmq"),
    "PersistentVolumeClaim/platform-services/data-dev-platform-postgres-0",
}
"""Some of what the example platform comes to."""


@pytest.fixture(scope="module")
def deployed(running: Box) -> Box:
    """The example platform, all of it running."""
    wait_deployed(running)
    assert workloads(running).keys() >= RUNNING
    return running


@pytest.fixture
def person(deployed: Box, tmp_path: Path) -> Person:
    """Somebody with a clone of what there is."""
    made = deployed.person(tmp_path / "clone")
    made.start()
    return made


def switch_off_hooks(person: Person) -> None:
    """So that the functions do not repair what is done before ArgoCD has seen it."""
    for hook in person.api("GET", "/orgs/platform/hooks"):
        person.api("PATCH", f"/orgs/platform/hooks/{hook['id']}", {"active": False})


def empty_it(person: Person) -> None:
    person.git("rm", "-q", "-r", ".")
    person.commit("Nothing is left")
    person.push()


def empty_folders(person: Person) -> None:
    for folder in (DEV, "appsets/nonprod/apps"):
        person.git("rm", "-q", "-r", folder)
        person.write(f"{folder}/.gitkeep", "")
    person.commit("No applications in dev, and no set of it")
    person.push()


def empty_the_history(person: Person) -> None:
    person.git("checkout", "-q", "--orphan", "nothing")
    person.git("rm", "-q", "-r", "-f", ".")
    person.git("commit", "-q", "--allow-empty", "-m", "From the beginning")
    person.push("--force")


def delete_the_repository(person: Person) -> None:
    person.api("DELETE", "/repos/platform/voltran")


@dataclass(frozen=True)
class Case:
    do: Callable[[Person], None]
    reason: str


CASES = [
    Case(empty_it, "the empty repository: no generator matches anything, and there is no path of a root Application"),
    Case(empty_folders, "the emptied folder: a generator matches nothing, and a root Application has no set"),
    Case(empty_the_history, "the rewritten history: none of the commits that statuses name is there"),
    Case(delete_the_repository, "the deleted repository: nothing can be read"),
]


def has_seen(box: Box, strange: str) -> bool:
    """Whether ArgoCD knows what was done; it may be about to consume a refresh of before."""
    have_argocd_look(box)
    if strange:
        return looked_at(named(box, APPLICATIONS)["nonprod-apps"], strange)
    return has_failed(named(box, SETS)["dev-apps"])  # a set says at once that its repository is away


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.do.__name__)
def test_argocd_sees_it_and_nothing_goes(deployed: Box, person: Person, case: Case) -> None:
    """ArgoCD has looked at all of it before the functions hear of it; they restore the files, and all is as it was."""
    before, tree, applications = workloads(deployed), deployed.voltran.tree(), named(deployed, APPLICATIONS).keys()
    switch_off_hooks(person)
    case.do(person)
    strange = deployed.voltran.head()
    until(lambda: has_seen(deployed, strange), "ArgoCD has seen it")
    assert deployed.voltran.head() == strange, "nobody has repaired it yet"
    assert workloads(deployed) == before, case.reason
    assert named(deployed, APPLICATIONS).keys() == applications, case.reason

    deployed.ping()
    until(lambda: deployed.voltran.tree() == tree, "the files are restored")
    have_argocd_look(deployed)  # a root Application with nothing wrong but its memory waits for ArgoCD's next poll
    wait_deployed(deployed)
    assert workloads(deployed) == before, case.reason


def test_everything_is_emptied_while_all_listen(deployed: Box, person: Person) -> None:
    """ArgoCD looks again while Gitea tells the functions, and they write and have it look: nothing goes in between."""
    before, tree = workloads(deployed), deployed.voltran.tree()
    empty_it(person)
    strange = deployed.voltran.head()
    have_argocd_look(deployed)
    until(lambda: deployed.voltran.head() != strange and deployed.voltran.tree() == tree, "what was before")
    have_argocd_look(deployed)
    wait_deployed(deployed)
    assert workloads(deployed) == before


def test_a_deleted_set(deployed: Box) -> None:
    """ArgoCD deletes its Applications, and what they deployed stays; the root Application brings the set again."""
    before, applications = workloads(deployed), named(deployed, APPLICATIONS)
    sets = {name: one for name, one in named(deployed, SETS).items() if name.startswith("dev-")}
    deployed.kubectl("delete", SETS, "-n", ARGOCD, "--wait=false", *sets)

    def is_new() -> bool:
        found = named(deployed, APPLICATIONS)
        old = {applications[name]["metadata"]["uid"] for name in applications if name.startswith("dev-")}
        return found.keys() == applications.keys() and not old & {one["metadata"]["uid"] for one in found.values()}

    until(is_new, "each Application of the sets is another one")
    found = named(deployed, SETS)
    assert {found[name]["metadata"]["uid"] for name in sets}.isdisjoint(one["metadata"]["uid"] for one in sets.values())
    wait_deployed(deployed)
    assert not_deployed(deployed) == []
    assert workloads(deployed) == before

"""What goes when a claim says less, is deleted, or loses its namespace; and what never goes unasked."""

import shlex
from typing import Any

from tests.e2e import claims
from tests.e2e.box import FUNCTIONS, Box
from tests.e2e.repository import Commit
from tests.e2e.waiting import until

PLATFORM = "bootstrapclaim/platform-bootstrap"
SYSTEM = "platform-system"


def three(name: str, environment: str, namespace: str = "dev") -> dict[str, Any]:
    """A claim of three applications."""
    rows = [claims.application(one) for one in ("one", "two", "three")]
    return claims.applications(name, environment, rows, namespace=namespace)


def files(environment: str, *names: str, own_set: bool = False) -> set[str]:
    """The paths of some of an environment's applications, and of its set."""
    found = {f"environments/nonprod/{environment}/applications/{name}/values.yaml" for name in names}
    return found | ({f"appsets/nonprod/apps/{environment}-appset.yaml"} if own_set else set())


def single(box: Box, before: str) -> Commit:
    """The one commit since."""
    (commit,) = box.voltran.log(f"{before}..main")
    return commit


def gone(box: Box, claim: str, namespace: str) -> None:
    """Wait until the claim is no more."""
    until(lambda: box.get(claim, namespace) is None, f"{claim} is gone; it says {box.ready(claim, namespace)}")


def annotate_line(message: str) -> list[str]:
    """The command that the message prints, word for word."""
    _, found, line = message.partition("kubectl ")
    assert found, message
    return shlex.split(line)


def test_an_application_that_is_no_longer_in_the_claim(box: Box) -> None:
    """Exactly its files go, in one commit, with its line in the set; and nobody is asked: two are left."""
    claim = three("qa-apps", "qa", "qa")
    box.apply(claim)
    box.wait_true()
    before = box.voltran.head()
    claim["spec"]["applications"].pop(1)
    box.apply(claim)
    until(lambda: box.voltran.head() != before, "a commit")
    box.wait_true()
    commit = single(box, before)
    assert (commit.claim, commit.generation) == ("ApplicationClaim/qa/qa-apps", "2")
    assert box.voltran.changed(before, commit.sha) == files("qa", "two", own_set=True)
    assert "two" not in box.voltran.file("appsets/nonprod/apps/qa-appset.yaml")
    assert [row["name"] for row in box.get("appclaim/qa-apps", "qa")["status"]["applications"]] == ["one", "three"]


def test_a_deletion_waits_for_infraforge_confirm(box: Box) -> None:
    """Nothing goes before; then exactly its files, in one commit, and the claim last."""
    head, tree = box.voltran.head(), box.voltran.tree()
    box.kubectl("delete", "appclaim/qa-apps", "-n", "qa", "--wait=false")
    message = box.wait_reason("appclaim/qa-apps", "qa", "ConfirmationRequired")
    assert "one, three" in message
    box.ping()
    assert box.voltran.head() == head, "it is held"
    shown = box.command.run("confirm", "appclaim/qa/qa-apps")
    assert shown.returncode == 2, "nobody was there to be asked"
    assert "one, three" in shown.stdout
    done = box.command.run("confirm", "appclaim/qa/qa-apps", "--yes")
    assert done.returncode == 0, done.stderr
    gone(box, "appclaim/qa-apps", "qa")
    commit = single(box, head)
    assert commit.claim == "ApplicationClaim/qa/qa-apps"
    assert box.voltran.changed(head, commit.sha) == files("qa", "one", "three", own_set=True)
    assert box.voltran.tree().items() <= tree.items()


def test_a_claim_made_anew_starts_afresh(box: Box) -> None:
    head = box.voltran.head()
    box.apply(three("qa-apps", "qa", "qa"))
    box.wait_true()
    assert box.voltran.changed(head, "main") == files("qa", "one", "two", "three", own_set=True)


def test_what_keeps_data_waits_for_the_line_that_its_claim_prints(box: Box) -> None:
    """Its neighbour in the same change is written meanwhile."""
    example = next(one for one in claims.examples() if one["metadata"]["name"] == "dev-platform")
    postgres, rabbitmq = example["spec"]["services"]
    rabbitmq["values"]["replicaCount"] = 2
    example["spec"]["services"] = [rabbitmq]
    head, folder = box.voltran.head(), "environments/nonprod/dev/platform"
    box.apply(example)
    message = box.wait_reason("platformclaim/dev-platform", "platform-services", "ConfirmationRequired")
    assert postgres["name"] in message
    written = single(box, head)
    assert box.voltran.changed(head, written.sha) == {f"{folder}/rabbitmq/values.yaml"}
    rows = box.get("platformclaim/dev-platform", "platform-services")["status"]["services"]
    assert {row["name"]: row["state"] for row in rows} == {"rabbitmq": "Committed", "postgres": "Held"}
    box.kubectl(*annotate_line(message))
    until(lambda: box.voltran.head() != written.sha, "it goes")
    box.wait_true()
    removed = single(box, written.sha)
    assert box.voltran.changed(written.sha, removed.sha) == {f"{folder}/postgres/values.yaml"}


def test_a_confirmation_is_for_one_removal(box: Box) -> None:
    """The text that let one thing go does not let another go."""
    example = next(one for one in claims.examples() if one["metadata"]["name"] == "dev-platform")
    box.apply(example)  # postgres again
    until(lambda: "environments/nonprod/dev/platform/postgres/values.yaml" in box.voltran.tree(), "it is back")
    box.wait_true()
    head = box.voltran.head()
    box.kubectl("delete", "platformclaim/dev-platform", "-n", "platform-services", "--wait=false")
    message = box.wait_reason("platformclaim/dev-platform", "platform-services", "ConfirmationRequired")
    box.ping()
    assert box.voltran.head() == head, "the annotation of before is still there"
    box.kubectl(*annotate_line(message))
    gone(box, "platformclaim/dev-platform", "platform-services")
    single(box, head)


def test_a_second_claim_of_an_environment_takes_over(box: Box) -> None:
    """Without a ping: it waited for the deletion of the first."""
    box.apply(three("second", "qa", "dev"))
    message = box.wait_reason("appclaim/second", "dev", "EnvironmentConflict")
    assert "qa/qa-apps" in message
    box.kubectl("delete", "appclaim/qa-apps", "-n", "qa", "--wait=false")
    message = box.wait_reason("appclaim/qa-apps", "qa", "ConfirmationRequired")
    box.kubectl(*annotate_line(message))
    gone(box, "appclaim/qa-apps", "qa")
    box.wait_reason("appclaim/second", "dev", "Committed")
    box.wait_true()
    assert files("qa", "one", "two", "three", own_set=True) <= box.voltran.tree().keys()


def test_a_namespace_goes_with_every_function_stopped(box: Box) -> None:
    """It hangs on our finalizer until somebody lets it go; what was in Git stays, and is adopted by who comes again."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    box.apply(namespace, three("shop-apps", "sandbox", "shop"))
    box.wait_true()
    head, tree = box.voltran.head(), box.voltran.tree()
    box.end(*FUNCTIONS)
    box.kubectl("delete", "namespace", "shop", "--wait=false")

    def deleting() -> bool:
        claim = box.get("appclaim/shop-apps", "shop")
        return bool(claim["metadata"].get("deletionTimestamp"))

    until(deleting, "the namespace's content is being deleted")
    assert box.get("namespace/shop", "shop")["status"]["phase"] == "Terminating"
    done = box.command.run("release", "--all", "--yes")
    assert done.returncode == 0, done.stderr
    assert "environments/nonprod/sandbox" in done.stdout, "it says what stays behind"
    until(lambda: box.get("namespace/shop", "shop") is None, "the namespace is gone")
    box.up()
    box.ping()
    assert box.voltran.head() == head, "absence never deletes"
    status = box.get(PLATFORM, SYSTEM)["status"]
    assert status["orphanedEnvironments"] == ["nonprod/sandbox"]
    box.apply(namespace, three("shop-apps", "sandbox", "shop"))
    box.wait_true()
    assert (box.voltran.head(), box.voltran.tree()) == (head, tree), "adopted as it is"
    box.ping(["bootstrap"])
    assert not box.get(PLATFORM, SYSTEM)["status"].get("orphanedEnvironments")


def test_an_environment_in_use_stays(box: Box) -> None:
    """Dropped from the BootstrapClaim, with the claim that uses it named."""
    head = box.voltran.head()
    box.apply(claims.bootstrap(nonprod=["dev", "qa"], prod=["prod", "stage"]))
    message = box.wait_reason(PLATFORM, SYSTEM, "InUse")
    assert "nonprod/sandbox" in message
    assert "shop/shop-apps" in message
    assert box.voltran.head() == head
    box.apply(claims.bootstrap(nonprod=["dev", "qa", "sandbox"], prod=["prod", "stage"]))
    box.wait_true()
    box.apply(claims.bootstrap(nonprod=["dev", "qa", "sandbox"], prod=["prod"]))
    until(lambda: box.voltran.head() != head, "nobody uses stage")
    box.wait_true()
    commit = single(box, head)
    changed = box.voltran.changed(head, commit.sha)
    assert changed
    assert all("/stage/" in path for path in changed)


def test_a_platform_in_use_stays(box: Box) -> None:
    """And goes by itself when nobody uses it any more; repositories stay."""
    head = box.voltran.head()
    box.kubectl("delete", PLATFORM, "-n", SYSTEM, "--wait=false")
    message = box.wait_reason(PLATFORM, SYSTEM, "InUse")
    for name in ("dev/dev-apps", "prod/prod-apps", "platform-services/prod-platform"):
        assert name in message
    assert box.voltran.head() == head
    for document in box.all():
        metadata = document["metadata"]
        if document["kind"] != "BootstrapClaim":
            claim = f"{document['kind'].lower()}/{metadata['name']}"
            box.kubectl("delete", claim, "-n", metadata["namespace"], "--wait=false")
            box.kubectl(*annotate_line(box.wait_reason(claim, metadata["namespace"], "ConfirmationRequired")))
            gone(box, claim, metadata["namespace"])
    box.ping(["bootstrap"])
    gone(box, PLATFORM, SYSTEM)
    assert box.voltran.tree() == {}
    assert box.voltran.path.exists()

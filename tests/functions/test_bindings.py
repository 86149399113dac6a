"""Bindings at work: values, rows, and who is woken when a service changes."""

from typing import Any

from shared import events
from shared.events import SERVICES
from shared.kinds import PLATFORM
from tests.functions.bindings import NAMESPACE, SECRET, UNKNOWN, password, resync, row, secret, values
from tests.functions.platform import Platform, example, ready


def test_a_bound_application(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """Its values say where the service is; its namespace has the password; its neighbour has neither."""
    there.apply(services)
    live = there.apply(bound)
    assert ready(live) == ("True", "Committed", "all 2 applications are in Git")
    assert values(there)["bindings"] == {
        "postgres": {
            "database": "ecommerce",
            "host": "dev-platform-postgres.platform-services.svc",
            "namespace": "platform-services",
            "port": 5432,
            "release": "dev-platform-postgres",
            "secretKey": "password",
            "secretName": SECRET,
            "username": "admin",
        }
    }
    assert "bindings" not in values(there, "user-service")
    assert password(there, "dev") == password(there, NAMESPACE)
    copied = secret(there, "dev")
    assert copied is not None
    assert copied["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "infraforge",
        "app.kubernetes.io/component": "binding",
        "infraforge.io/cluster-type": "nonprod",
        "infraforge.io/environment": "dev",
    }
    assert copied["metadata"]["annotations"] == {
        "platform.infraforge.io/copied-from": "platform-services/dev-platform-postgres-auth"
    }
    assert secret(there, "dev", "dev-platform-rabbitmq-auth") is None, "nothing is bound to it"


def test_a_second_look_changes_nothing(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """No commit, no status, no Event, and no write to a Secret."""
    there.apply(services)
    live = there.apply(bound)
    before = there.commits(), len(there.kube.status_writes), len(there.kube.events), secret(there, "dev")
    there.react(live, "event-2")
    assert before == (there.commits(), len(there.kube.status_writes), len(there.kube.events), secret(there, "dev"))


def test_an_unknown_service_holds_that_application_alone(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """The services that there are stand in the message; what was in Git stays as it was."""
    there.apply(services)
    there.apply(bound)
    before = values(there)
    bound["spec"]["applications"][0] |= {"bindings": ["postgres", "mongo"], "values": {"replicas": 7}}
    bound["spec"]["applications"][1]["values"] = {"replicas": 7}
    live = there.apply(bound)
    message = (
        'spec.applications[0].bindings[1]: environment "dev" of cluster type "nonprod" has no service "mongo"; '
        "it has: postgres, rabbitmq"
    )
    assert row(live) == ("Held", "BindingUnknown", message)
    assert ready(live) == ("False", "BindingUnknown", f"ecommerce-platform: {message}")
    assert values(there) == before
    assert values(there, "user-service")["replicas"] == 7


def test_a_platform_claim_that_comes_later_wakes_who_waits_for_it(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """By the platform function's reply, which names the environment; nobody waits for a ping."""
    live = there.apply(bound)
    assert row(live) == ("Held", "BindingUnknown", UNKNOWN)
    put = there.claim(services)
    reply = there.react(put)
    assert reply is not None
    woken = events.parse(*reply)
    assert (woken.type, woken.environment) == (SERVICES, ("nonprod", "dev"))
    there.reconciler("ApplicationClaim").react(woken)
    assert row(there.live(bound)) == ("Committed", "Committed", None)
    assert there.react(put) is None, "there is nothing new to tell"


def test_a_changed_user_reaches_the_application(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """One commit, by a process that had taken the claim for settled; a volume's size is no matter of applications."""
    there.apply(services)
    there.apply(bound)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    services["spec"]["services"][0]["values"]["primary"]["persistence"]["size"] = "20Gi"
    reply = there.react(there.claim(services))
    assert reply is not None
    reads, commits = there.kube.reads, there.commits()
    process.react(events.parse(*reply))
    assert (there.kube.reads, there.commits()) == (reads, commits), "it is settled still"
    services["spec"]["services"][0]["values"]["auth"]["username"] = "owner"
    reply = there.react(there.claim(services))
    assert reply is not None
    process.react(events.parse(*reply))
    assert values(there)["bindings"]["postgres"]["username"] == "owner"
    assert there.commits() == commits + 2


def test_a_service_that_goes_holds_who_is_bound_to_it(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """At the resync: the application keeps its files, and says what it misses."""
    there.apply(services)
    there.apply(bound)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    there.kube.objects.pop(("platformclaims", NAMESPACE, "dev-platform"))
    resync(process)
    assert row(there.live(bound)) == ("Held", "BindingUnknown", UNKNOWN)
    assert "bindings" in values(there)


def test_a_claim_of_services_that_is_deleted_says_so(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """When it lets go, and not while it waits for the confirmation."""
    there.apply(bound)
    live = there.apply(services)
    there.kube.remove(PLATFORM.resource, NAMESPACE, "dev-platform")
    assert there.react(live) is None
    there.annotate(live, confirm_removal=there.live(live)["status"]["confirmation"])
    reply = there.react(live)
    assert reply is not None
    assert events.parse(*reply).environment == ("nonprod", "dev")
    there.reconciler("ApplicationClaim").react(events.parse(*reply))
    assert row(there.live(bound)) == ("Held", "BindingUnknown", UNKNOWN)


def test_a_settled_claim_costs_a_listing(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """A resync of bound claims reads no claim and no Secret one by one, and writes nothing."""
    there.apply(services)
    there.apply(bound)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads, writes, lists = there.kube.reads, len(there.kube.status_writes), there.kube.lists
    resync(process)
    assert (there.kube.reads, len(there.kube.status_writes)) == (reads, writes)
    assert there.kube.lists == lists + 4, "BootstrapClaims, ApplicationClaims, PlatformClaims, Secrets"


def test_a_claim_that_binds_nothing_lists_nothing_more(there: Platform) -> None:
    there.apply(example("dev/dev-apps-claim.yaml"))
    process = there.reconciler("ApplicationClaim")
    resync(process)
    lists = there.kube.lists
    resync(process)
    assert there.kube.lists == lists + 2, "BootstrapClaims and ApplicationClaims"


def test_another_cluster(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """The functions reach no cluster but their own: what is to be done is said, with the line to paste."""
    bootstrap = there.claim(example("bootstrap-claim.yaml"))
    bootstrap["spec"]["clusters"][0]["destination"] = {"server": "https://far.example.com"}
    there.apply(bootstrap)
    service = there.apply(services)["status"]["services"][0]
    assert (service["state"], service["reason"]) == ("Committed", "PasswordElsewhere")
    assert service["message"] == (
        "it runs in another cluster (https://far.example.com), where InfraForge makes no Secrets, and its pods wait "
        "for a password; to make it there once: openssl rand -hex 16 | tr -d '\\n' | kubectl create secret generic "
        "dev-platform-postgres-auth -n platform-services --from-file=password=/dev/stdin"
    )
    live = there.apply(bound)
    assert row(live) == (
        "Committed",
        "BindingNotReady",
        "it runs in another cluster (https://far.example.com), where InfraForge makes no Secrets, and its pods wait "
        f"for a password; to bring it there: kubectl get secret {SECRET} -n platform-services "
        "-o jsonpath='{.data.password}' | base64 -d | kubectl create secret generic "
        f"{SECRET} -n dev --from-file=password=/dev/stdin",
    )
    assert not [key for key in there.kube.objects if key[0] == "secrets" and key[1] != "argocd"]
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads = there.kube.reads
    resync(process)
    assert there.kube.reads == reads, "looking again would come to the same"

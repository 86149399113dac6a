"""What bindings come to, held against the charts themselves: what an application is told is where the service is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.bootstrap.charts import self_contained
from shared.bindings import CHARTS, Bound, Grant, Offer, Services, bind, object_name, offered, with_bindings
from shared.canonical import yaml_bytes
from shared.claims import Application, ApplicationClaim, PlatformClaim
from shared.helm import Engine

ROOT = Path(__file__).parents[2]
PLACE = ("nonprod", "dev")
POSTGRES = {"name": "postgres", "values": {"auth": {"database": "ecommerce", "username": "admin"}}}
IMAGE = {"repository": "ghcr.io/acme/shop", "tag": "v1"}


def platform(*services: dict[str, Any], environment: str = "dev") -> PlatformClaim:
    """A PlatformClaim with these services."""
    return PlatformClaim.model_validate(
        {
            "apiVersion": "platform.infraforge.io/v1alpha1",
            "kind": "PlatformClaim",
            "metadata": {"name": "dev-platform", "namespace": "platform-services"},
            "spec": {"clusterType": "nonprod", "environment": environment, "services": list(services)},
        }
    )


def application(*bindings: str, **values: Any) -> Application:
    """An application that is bound to these services."""
    return Application.model_validate(
        {"name": "shop", "chart": {"name": "web-service"}, "image": IMAGE, "bindings": bindings, "values": values}
    )


def bound(app: Application, *services: dict[str, Any], namespace: str = "dev") -> Bound:
    """The application bound to an environment with these services."""
    return bind([app], offered(platform(*services)), namespace=namespace, place=PLACE)


def rendered(chart: Path, release: str, namespace: str, values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Kind and name → object, as Helm renders the chart."""
    engine = Engine.load()
    if engine is None:
        pytest.skip("needs helm-python-sdk: charts are rendered")
    stream = engine.render(
        self_contained(chart), release=release, namespace=namespace, values=yaml_bytes(values, sort_keys=False)
    )
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(stream) if one}


def test_the_seeds_database() -> None:
    """Address, user and database as the service's values say; the Secret in the application's own namespace."""
    found = bound(application("postgres"), POSTGRES)
    assert found.values == {
        "shop": {
            "postgres": {
                "host": "dev-platform-postgres.platform-services.svc",
                "port": 5432,
                "database": "ecommerce",
                "username": "admin",
                "secretName": "dev-platform-postgres-auth",
                "secretKey": "password",
                "namespace": "platform-services",
                "release": "dev-platform-postgres",
            }
        }
    }
    (grant,) = found.grants["shop"]
    assert grant == Grant("dev", "dev-platform-postgres-auth", "platform-services", "dev-platform-postgres-auth")
    assert grant.is_copy
    assert not found.held


def test_an_application_beside_its_service_reads_the_very_secret() -> None:
    """Nothing is copied within a namespace, also where the service uses a Secret that somebody made."""
    service = {"name": "redis", "values": {"auth": {"existingSecret": "team-redis"}}}
    beside = bound(application("redis"), service, namespace="platform-services")
    assert beside.values["shop"]["redis"]["secretName"] == "team-redis"
    assert not beside.grants["shop"][0].is_copy
    elsewhere = bound(application("redis"), service)
    assert elsewhere.values["shop"]["redis"]["secretName"] == "dev-platform-redis-auth", "a name that is free there"
    assert elsewhere.grants["shop"] == (Grant("dev", "dev-platform-redis-auth", "platform-services", "team-redis"),)


@pytest.mark.parametrize("chart", sorted(CHARTS))
@pytest.mark.parametrize("environment", ["dev", "e" * 40])
def test_an_offer_is_what_the_chart_deploys(chart: str, environment: str) -> None:
    """Host and port are a Service's, user and database the chart's defaults, the Secret the one that the pods mount.

    The longest name that a claim may have (53 characters) is shortened by the chart, and so in the host.
    """
    name = "s" * (53 - len(environment) - len("-platform-")) if environment != "dev" else chart
    claim = platform({"name": name, "chart": {"name": chart}}, environment=environment)
    offer = offered(claim).by_name[name]
    assert isinstance(offer, Offer)
    objects = rendered(ROOT / "platform-charts" / chart, offer.release, offer.namespace, {})
    service, namespace, suffix = offer.host.split(".")
    assert (service, namespace, suffix) == (object_name(offer.release), "platform-services", "svc")
    ports = [port["port"] for port in objects["Service", service]["spec"]["ports"]]
    assert offer.port == ports[0]
    defaults = yaml.safe_load((ROOT / "platform-charts" / chart / "values.yaml").read_text())["auth"]
    assert (offer.username, offer.database) == (defaults.get("username"), defaults.get("database"))
    (workload,) = [one for (kind, _), one in objects.items() if kind == "StatefulSet"]
    pod = workload["spec"]["template"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == offer.release
    assert f"'{offer.secret}'" in str(pod["spec"])


def test_every_platform_chart_is_known() -> None:
    """A chart that is added can be bound to, or is named here as one that cannot."""
    charts = {path.parent.name for path in ROOT.glob("platform-charts/*/Chart.yaml")}
    assert charts - {"library", "namespaces"} == set(CHARTS)


@pytest.mark.parametrize(
    "chart", ["cron-job", "ecommerce-platform", "order-service", "product-service", "user-service", "web-service",
              "worker"]
)  # fmt: skip
def test_an_embedded_chart_makes_use_of_it(chart: str) -> None:
    """In every embedded chart: variables of the container, the password out of the Secret, and the way there."""
    found = bound(application("postgres"), POSTGRES)
    values = {"image": IMAGE} | with_bindings({}, found.values["shop"])
    values |= {"schedule": "0 3 * * *"} if chart == "cron-job" else {}
    objects = rendered(ROOT / "charts" / chart, "dev-shop", "dev", values)
    (pod,) = [_pod(one) for (kind, _), one in objects.items() if kind in {"Deployment", "CronJob"}]
    variables = {one["name"]: one.get("value") or one["valueFrom"] for one in pod["containers"][0]["env"]}
    assert variables == {
        "POSTGRES_HOST": "dev-platform-postgres.platform-services.svc",
        "POSTGRES_PORT": "5432",
        "POSTGRES_DATABASE": "ecommerce",
        "POSTGRES_USERNAME": "admin",
        "POSTGRES_PASSWORD": {"secretKeyRef": {"name": "dev-platform-postgres-auth", "key": "password"}},
    }
    (policy,) = [one for (kind, _), one in objects.items() if kind == "NetworkPolicy"]
    way = {
        "ports": [{"protocol": "TCP", "port": 5432}],
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "platform-services"}},
                "podSelector": {"matchLabels": {"app.kubernetes.io/instance": "dev-platform-postgres"}},
            }
        ],
    }
    assert way in policy["spec"]["egress"]


def test_the_examples_application_uses_its_database() -> None:
    """The claims of production as they are in deployments/, up to the container's variables."""
    claims = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / "deployments" / "prod").glob("*.yaml")}
    apps = ApplicationClaim.model_validate(claims["prod-apps-claim.yaml"])
    services = offered(PlatformClaim.model_validate(claims["prod-platform-claim.yaml"]))
    found = bind(apps.spec.applications, services, namespace="prod", place=("prod", "prod"))
    (shop,) = [one for one in apps.spec.applications if one.name == "ecommerce-platform"]
    values = {"image": shop.image.model_dump()} | with_bindings(shop.values, found.values[shop.name])
    objects = rendered(ROOT / "charts" / shop.chart.name, "prod-ecommerce-platform", "prod", values)
    container = _pod(objects["Deployment", "prod-ecommerce-platform"])["containers"][0]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables["POSTGRES_HOST"] == "prod-platform-postgres.platform-services.svc"
    assert variables["POSTGRES_DATABASE"] == "ecommerce"
    assert variables["RABBITMQ_HOST"] == "prod-platform-rabbitmq.platform-services.svc"


def _pod(workload: Any) -> Any:
    spec = workload["spec"]
    spec = spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec
    return spec["template"]["spec"]


def test_an_external_service_is_what_its_values_say() -> None:
    """Nothing of it is deployed, so nothing is known of it but that; the way there is its port alone."""
    auth = {"database": "shop", "username": "app", "existingSecret": "rds"}
    values = {"host": "db.example.com", "port": 6432, "auth": auth}
    found = bound(application("orders"), {"name": "orders", "type": "external", "values": values})
    assert found.values["shop"]["orders"] == {
        "host": "db.example.com",
        "port": 6432,
        "database": "shop",
        "username": "app",
        "secretName": "dev-platform-orders-auth",
        "secretKey": "password",
    }
    assert found.grants["shop"] == (Grant("dev", "dev-platform-orders-auth", "platform-services", "rds"),)
    without = bound(application("orders"), {"name": "orders", "type": "external", "values": {"host": "h", "port": 1}})
    assert without.values["shop"]["orders"] == {"host": "h", "port": 1}
    assert without.grants["shop"] == ()


HELD = [
    (application("mongo"), [POSTGRES, {"name": "redis"}], "BindingUnknown",
     'spec.applications[0].bindings[0]: environment "dev" of cluster type "nonprod" has no service "mongo"; '
     "it has: postgres, redis", "a service that is not there: what is there is listed"),
    (application("postgres", "mongo"), [], "BindingUnknown",
     'spec.applications[0].bindings[0]: environment "dev" of cluster type "nonprod" has no service "postgres"; '
     'it has: none; spec.applications[0].bindings[1]: environment "dev" of cluster type "nonprod" has no service '
     '"mongo"; it has: none', "everything that is wrong is said at once"),
    (application("own"), [{"name": "own", "chart": {"name": "mongo"}}], "BindingUnknown",
     'spec.applications[0].bindings[0]: service "own" cannot be bound to: its chart "mongo" is none whose port and '
     "user are known (kafka, postgres, rabbitmq, redis): describe it in values.bindings",
     "a chart of somebody's own: its port cannot be guessed"),
    (application("db"), [{"name": "db", "type": "external", "values": {"port": 5432}}], "BindingUnknown",
     'spec.applications[0].bindings[0]: service "db" cannot be bound to: it is external, and its values name no host',
     "an external service is where its values say"),
    (application("db"), [{"name": "db", "type": "external", "values": {"host": "a b", "port": 5432}}],
     "BindingUnknown",
     'spec.applications[0].bindings[0]: service "db" cannot be bound to: it is external, and its values name no host',
     "no name of a host"),
    (application("db"), [{"name": "db", "type": "external", "values": {"host": "h", "port": "5432"}}],
     "BindingUnknown",
     'spec.applications[0].bindings[0]: service "db" cannot be bound to: it is external, and its values name no port',
     "a port is a number"),
    (application("db"), [{"name": "db", "type": "external", "values": {"host": "h", "port": True}}],
     "BindingUnknown",
     'spec.applications[0].bindings[0]: service "db" cannot be bound to: it is external, and its values name no port',
     "to Python True is a number"),
    (application("postgres"), [{"name": "postgres", "values": {"auth": {"username": "AKIAIOSFODNN7EXAMPLE"}}}],
     "BindingUnknown",
     'spec.applications[0].bindings[0]: service "postgres" cannot be bound to: its values look like they hold a '
     "credential, which would be shown to whoever is bound to it", "it is held there, and must not come out here"),
    (application("1db"), [{"name": "1db", "chart": {"name": "redis"}}], "BindingUnknown",
     'spec.applications[0].bindings[0]: "1db" begins with a digit, and no variable of a container does: '
     "rename the service", "the charts make variables of it"),
    (application("postgres", bindings={"postgres": {"host": "h", "port": 1}}), [POSTGRES], "BindingConflict",
     'spec.applications[0].bindings[0]: values.bindings describes "postgres" too: take one of the two out',
     "two answers to one question"),
    (application("postgres", bindings=["postgres"]), [POSTGRES], "BindingConflict",
     "spec.applications[0].values.bindings: must be a map of bindings by name, beside spec.applications[0].bindings",
     "nothing could be put beside it"),
]  # fmt: skip


@pytest.mark.parametrize(("app", "services", "reason", "message", "why"), HELD, ids=[case[4] for case in HELD])
def test_what_holds_an_application_back(
    app: Application, services: list[dict[str, Any]], reason: str, message: str, why: str
) -> None:
    """The field is named, and what would mend it."""
    found = bound(app, *services)
    assert (found.held["shop"].reason, found.held["shop"].message) == (reason, message), why
    assert (found.values, found.grants) == ({}, {})


def test_neighbours_go_on() -> None:
    """What holds one application back is no matter of the others."""
    neighbour = application("postgres").model_copy(update={"name": "other"})
    found = bind([application("mongo"), neighbour], offered(platform(POSTGRES)), namespace="dev", place=PLACE)
    assert (list(found.held), list(found.values)) == (["shop"], ["other"])


def test_an_environment_without_a_platform_claim() -> None:
    """It may only be late: the message says that nothing has to be done then."""
    found = bind([application("postgres")], None, namespace="dev", place=PLACE)
    assert found.held["shop"].message == (
        'spec.applications[0].bindings[0]: "postgres" is bound to nothing: environment "dev" of cluster type "nonprod" '
        "has no PlatformClaim; this goes on by itself when it has"
    )


def test_an_application_without_bindings_is_left_alone() -> None:
    """Also in its values, whatever it calls so itself."""
    app = application(bindings={"db": {"host": "h", "port": 1}})
    found = bind([app], None, namespace="dev", place=PLACE)
    assert found == Bound()
    assert with_bindings(app.values, {}) == app.values


def test_values_may_describe_other_bindings() -> None:
    """A database that no claim knows, beside one that the environment has."""
    own = {"legacy": {"host": "10.0.0.7", "port": 1521}}
    app = application("postgres", replicas=2, bindings=own)
    merged = with_bindings(app.values, bound(app, POSTGRES).values["shop"])
    assert list(merged["bindings"]) == ["legacy", "postgres"]
    assert merged["replicas"] == 2
    assert app.values["bindings"] == own, "the claim is as it was"


def test_what_is_no_text_is_left_to_the_charts_schema() -> None:
    """The render gate says of the service what is wrong with it; the application is told the default."""
    service = {"name": "postgres", "values": {"auth": {"database": 7, "username": ["a"], "existingSecret": ""}}}
    values = bound(application("postgres"), service).values["shop"]["postgres"]
    assert (values["database"], values["username"]) == ("app", "postgres")
    assert values["secretName"] == "dev-platform-postgres-auth"
    odd = bound(application("postgres"), {"name": "postgres", "values": {"auth": "x"}}).values["shop"]["postgres"]
    assert odd["username"] == "postgres"


def test_equal_services_bind_alike() -> None:
    """What a settled claim is compared by: a size of a volume is no part of it, a user is."""
    sized = POSTGRES | {"values": POSTGRES["values"] | {"primary": {"persistence": {"size": "1Gi"}}}}  # type: ignore[operator]  # maps
    renamed = POSTGRES | {"values": {"auth": {"database": "ecommerce", "username": "other"}}}
    assert offered(platform(POSTGRES)) == offered(platform(sized))
    assert hash(offered(platform(POSTGRES))) == hash(offered(platform(sized)))
    assert offered(platform(POSTGRES)) != offered(platform(renamed))
    assert offered(platform()) == Services(())

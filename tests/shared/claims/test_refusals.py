"""Every rule about claims: what an API server says, and what the model says about a claim from elsewhere."""

from dataclasses import dataclass
from typing import Any

import pytest

from shared.claims import parse
from shared.claims.names import MAX_APPLICATIONS, MAX_BINDINGS, MAX_CLUSTERS, MAX_ENVIRONMENTS, MAX_SERVICES
from shared.errors import InvalidClaim
from tests.shared.claims.admission import faults
from tests.shared.claims.examples import APPLICATION, BOOTSTRAP, PLATFORM, REMOVED, changed

NOT_A_LABEL = "is not a DNS-1123 label: use lower case letters, digits and '-'"


@dataclass(frozen=True)
class Refusal:
    """One field made wrong: what the schema answers (None: it accepts) and what the model answers."""

    reason: str
    claim: dict[str, Any]
    path: str
    value: object
    schema: str | None
    model: str


def app(name: str, **more: object) -> dict[str, object]:
    """A small valid application, changed by `more`."""
    return {"name": name, "chart": {"name": "c"}, "image": {"repository": "r", "tag": "t"}, **more}


A0 = "spec.applications[0]"
S0 = "spec.services[0]"

REFUSALS = [
    Refusal(
        "a name is no path",
        APPLICATION,
        "spec.applications.0.name",
        "..",
        f"{A0}.name: pattern",
        f'{A0}.name: ".." {NOT_A_LABEL}',
    ),
    Refusal(
        "upper case is no DNS name",
        APPLICATION,
        "spec.applications.0.name",
        "Foo",
        f"{A0}.name: pattern",
        f'{A0}.name: "Foo" {NOT_A_LABEL}',
    ),
    Refusal(
        "a label is one line",
        APPLICATION,
        "spec.applications.0.name",
        "a\nb",
        f"{A0}.name: pattern",
        f'{A0}.name: "a\\nb" {NOT_A_LABEL}',
    ),
    Refusal(
        "a label ends in a letter or digit",
        APPLICATION,
        "spec.applications.0.name",
        "a-",
        f"{A0}.name: pattern",
        f'{A0}.name: "a-" {NOT_A_LABEL}',
    ),
    Refusal(
        "a label has 63 characters at most",
        APPLICATION,
        "spec.applications.0.name",
        "a" * 300,
        f"{A0}.name: maxLength",
        f"{A0}.name: is longer than 63 characters",
    ),
    Refusal(
        "a name is there",
        APPLICATION,
        "spec.applications.0.name",
        "",
        f"{A0}.name: pattern",
        f'{A0}.name: "" {NOT_A_LABEL}',
    ),
    Refusal(
        "a name is text",
        APPLICATION,
        "spec.applications.0.name",
        7,
        f"{A0}.name: type",
        f"{A0}.name: must be a string: put it in quotes",
    ),
    Refusal(
        "the prefix is kept for services",
        APPLICATION,
        "spec.applications.0.name",
        "platform-x",
        f"{A0}.name: an application's name does not begin with platform-",
        f'{A0}.name: "platform-x" begins with platform-, which is kept for services: rename it',
    ),
    Refusal(
        "a release has 53 characters at most",
        APPLICATION,
        "spec.applications.0.name",
        "a" * 50,
        "spec: <environment>-<name> of every application has at most 53 characters",
        f'{A0}.name: "dev-{"a" * 50}" has 54 characters, and at most 53 fit: shorten it',
    ),
    Refusal(
        "names are unique",
        APPLICATION,
        "spec.applications.2",
        app("user-service"),
        "spec.applications[2]: Duplicate",
        'spec.applications[2].name: "user-service" is already the name of item 1: names are unique',
    ),
    Refusal(
        "a tag is an OCI tag",
        APPLICATION,
        "spec.applications.0.image.tag",
        "a b",
        f"{A0}.image.tag: pattern",
        f"{A0}.image.tag: is not an image tag: use letters, digits, '_', '.' and '-', the first a letter, digit or '_'",
    ),
    Refusal(
        "a tag without quotes is a number",
        APPLICATION,
        "spec.applications.0.image.tag",
        1.1,
        f"{A0}.image.tag: type",
        f"{A0}.image.tag: must be a string: put it in quotes",
    ),
    Refusal(
        "null is nothing",
        APPLICATION,
        "spec.environment",
        None,
        "spec: required",
        "spec.environment: is required",
    ),
    Refusal(
        "an image has a name",
        APPLICATION,
        "spec.applications.0.image.repository",
        "",
        f"{A0}.image.repository: minLength",
        f"{A0}.image.repository: must not be empty",
    ),
    Refusal(
        "an image has a tag",
        APPLICATION,
        "spec.applications.0.image",
        {"repository": "r"},
        f"{A0}.image: required",
        f"{A0}.image.tag: is required",
    ),
    Refusal(
        "an application has a chart",
        APPLICATION,
        "spec.applications.0.chart",
        REMOVED,
        f"{A0}: required",
        f"{A0}.chart: is required",
    ),
    Refusal(
        "a policy is one of three",
        APPLICATION,
        "spec.applications.0.image.pullPolicy",
        "Sometimes",
        f"{A0}.image.pullPolicy: enum",
        f"{A0}.image.pullPolicy: must be 'Always', 'IfNotPresent' or 'Never'",
    ),
    Refusal(
        "a policy is one of two",
        APPLICATION,
        "spec.imagePolicy",
        "tag",
        "spec.imagePolicy: enum",
        "spec.imagePolicy: must be 'Tag' or 'Digest'",
    ),
    Refusal(
        "OCI needs an address and a version",
        APPLICATION,
        "spec.applications.0.chart.source",
        "oci",
        f"{A0}.chart: source oci needs repository and version, and no other source takes them",
        f"{A0}.chart.repository: is required with source oci; {A0}.chart.version: is required with source oci",
    ),
    Refusal(
        "an embedded chart has no version",
        APPLICATION,
        "spec.applications.0.chart",
        {"name": "c", "version": "1.2.3"},
        f"{A0}.chart: source oci needs repository and version, and no other source takes them",
        f"{A0}.chart.version: is for source oci only, and source is embedded: remove it",
    ),
    Refusal(
        "a chart's address holds no password",
        APPLICATION,
        "spec.applications.0.chart.repository",
        "oci://u:s3cret@h/c",
        f"{A0}.chart.repository: pattern",
        f"{A0}.chart.repository: is not an OCI repository: use oci://host/path without user or query",
    ),
    Refusal(
        "a chart's registry has a name",
        APPLICATION,
        "spec.applications.0.chart.repository",
        "oci://",
        f"{A0}.chart.repository: pattern",
        f"{A0}.chart.repository: is not an OCI repository: use oci://host/path without user or query",
    ),
    Refusal(
        "a chart's registry is no file",
        APPLICATION,
        "spec.applications.0.chart.repository",
        "file:///etc/passwd",
        f"{A0}.chart.repository: pattern",
        f"{A0}.chart.repository: is not an OCI repository: use oci://host/path without user or query",
    ),
    Refusal(
        "a version is exact",
        APPLICATION,
        "spec.applications.0.chart.version",
        ">=1",
        f"{A0}.chart.version: pattern",
        f"{A0}.chart.version: is not a chart version: name one exactly, such as 1.2.3",
    ),
    Refusal(
        "bindings differ",
        APPLICATION,
        "spec.applications.0.bindings",
        ["a", "b", "a"],
        f"{A0}.bindings[2]: Duplicate",
        f'{A0}.bindings[2]: "a" is already the name of item 0: names are unique',
    ),
    Refusal(
        "bindings are names",
        APPLICATION,
        "spec.applications.0.bindings",
        ["A"],
        f"{A0}.bindings[0]: pattern",
        f'{A0}.bindings[0]: "A" {NOT_A_LABEL}',
    ),
    Refusal(
        "bindings are few",
        APPLICATION,
        "spec.applications.0.bindings",
        [f"b{n}" for n in range(MAX_BINDINGS + 1)],
        f"{A0}.bindings: maxItems",
        f"{A0}.bindings: has more than 32 items",
    ),
    Refusal(
        "the image has a field of its own",
        APPLICATION,
        "spec.applications.0.values.image",
        {"tag": "s3cret"},
        f"{A0}.values.image: values.image is refused: use image beside values",
        f"{A0}.values: values.image is refused: use image beside values",
    ),
    Refusal(
        "an image is no text either",
        APPLICATION,
        "spec.applications.0.values.image",
        "s3cret",
        f"{A0}.values.image: type",
        f"{A0}.values: values.image is refused: use image beside values",
    ),
    Refusal(
        "values are a map",
        APPLICATION,
        "spec.applications.0.values",
        ["s3cret"],
        f"{A0}.values: type",
        f"{A0}.values: must be a map",
    ),
    Refusal(
        "a field nobody knows is a slip",
        APPLICATION,
        "spec.applications.0.imagee",
        {},
        None,
        f"{A0}.imagee: is not a field here: remove it or correct its spelling",
    ),
    Refusal(
        "applications are a list",
        APPLICATION,
        "spec.applications",
        {},
        "spec.applications: type",
        "spec.applications: must be a list",
    ),
    Refusal("an application is a map", APPLICATION, "spec.applications.0", "a", f"{A0}: type", f"{A0}: must be a map"),
    Refusal(
        "applications are bounded",
        APPLICATION,
        "spec.applications",
        [app(f"a{n}") for n in range(MAX_APPLICATIONS + 1)],
        "spec.applications: maxItems",
        "spec.applications: has more than 200 items",
    ),
    Refusal(
        "an environment is a label",
        APPLICATION,
        "spec.environment",
        "de/v",
        "spec.environment: pattern",
        f'spec.environment: "de/v" {NOT_A_LABEL}',
    ),
    Refusal(
        "a cluster type is a label",
        APPLICATION,
        "spec.clusterType",
        "../x",
        "spec.clusterType: pattern",
        f'spec.clusterType: "../x" {NOT_A_LABEL}',
    ),
    Refusal("a claim has a spec", APPLICATION, "spec", REMOVED, ": required", "spec: is required"),
    Refusal(
        "the name is taken by namespaces",
        PLATFORM,
        "spec.services.0.name",
        "namespaces",
        f"{S0}.name: no service is called namespaces",
        f'{S0}.name: "namespaces" is the folder of the environment\'s namespaces: rename it',
    ),
    Refusal(
        "a service's release has 53 characters at most",
        PLATFORM,
        "spec.services.0.name",
        "a" * 41,
        "spec: <environment>-platform-<name> of every service has at most 53 characters",
        f'{S0}.name: "dev-platform-{"a" * 41}" has 54 characters, and at most 53 fit: shorten it',
    ),
    Refusal(
        "services are unique",
        PLATFORM,
        "spec.services.2",
        {"name": "postgres"},
        "spec.services[2]: Duplicate",
        'spec.services[2].name: "postgres" is already the name of item 0: names are unique',
    ),
    Refusal(
        "a service is inside or outside",
        PLATFORM,
        "spec.services.0.type",
        "rds",
        f"{S0}.type: enum",
        f"{S0}.type: must be 'internal' or 'external'",
    ),
    Refusal(
        "a chart is a label",
        PLATFORM,
        "spec.services.0.chart",
        {"name": "../x"},
        f"{S0}.chart.name: pattern",
        f'{S0}.chart.name: "../x" {NOT_A_LABEL}',
    ),
    Refusal(
        "services are bounded",
        PLATFORM,
        "spec.services",
        [{"name": f"s{n}"} for n in range(MAX_SERVICES + 1)],
        "spec.services: maxItems",
        "spec.services: has more than 100 items",
    ),
    Refusal(
        "Gitea's address holds no password",
        BOOTSTRAP,
        "spec.gitea.url",
        "http://u:s3cret@gitea",
        "spec.gitea.url: pattern",
        "spec.gitea.url: is not an address: use http:// or https://, a host and no user, password or query",
    ),
    Refusal(
        "Gitea speaks HTTP",
        BOOTSTRAP,
        "spec.gitea.url",
        "ssh://gitea",
        "spec.gitea.url: pattern",
        "spec.gitea.url: is not an address: use http:// or https://, a host and no user, password or query",
    ),
    Refusal(
        "an organization is a path segment",
        BOOTSTRAP,
        "spec.gitea.organization",
        "..",
        "spec.gitea.organization: pattern",
        "spec.gitea.organization: is not a Gitea organization: "
        "use letters and digits, with a single '.', '_' or '-' between",
    ),
    Refusal(
        "cluster types are unique",
        BOOTSTRAP,
        "spec.clusters.2",
        {"type": "prod", "environments": []},
        "spec.clusters[2]: Duplicate",
        'spec.clusters[2].type: "prod" is already the name of item 1: names are unique',
    ),
    Refusal(
        "environments are unique in a type",
        BOOTSTRAP,
        "spec.clusters.0.environments",
        ["a", "b", "a"],
        "spec.clusters[0].environments[2]: Duplicate",
        'spec.clusters[0].environments[2]: "a" is there already: environment names are unique over all types',
    ),
    Refusal(
        "environments are unique over the types",
        BOOTSTRAP,
        "spec.clusters.1.environments",
        ["prod", "qa"],
        None,
        'spec.clusters[1].environments[1]: "qa" is there already: environment names are unique over all types',
    ),
    Refusal(
        "environments' releases cannot meet",
        BOOTSTRAP,
        "spec.clusters.1.environments",
        ["qa-eu", "prod"],
        None,
        'spec.clusters[1].environments[0]: "qa-eu" begins with "qa-", and "qa" is an environment too: rename one',
    ),
    Refusal(
        "a destination names a cluster",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {},
        "spec.clusters[0].destination: destination needs server or name, and not both",
        "spec.clusters[0].destination: needs server or name, and not both",
    ),
    Refusal(
        "a destination names one cluster",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {"server": "https://k", "name": "k"},
        "spec.clusters[0].destination: destination needs server or name, and not both",
        "spec.clusters[0].destination: needs server or name, and not both",
    ),
    Refusal(
        "a server is no template: Go would evaluate it in the ApplicationSets",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {"server": "https://{{.x}}"},
        "spec.clusters[0].destination.server: pattern",
        "spec.clusters[0].destination.server: is not an address: use http:// or https://, a host and no user, password "
        "or query",
    ),
    Refusal(
        "a server is no glob: an AppProject would take it for all of them",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {"server": "https://*"},
        "spec.clusters[0].destination.server: pattern",
        "spec.clusters[0].destination.server: is not an address: use http:// or https://, a host and no user, password "
        "or query",
    ),
    Refusal(
        "a cluster's name is no template",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {"name": "{{ .Values }}"},
        "spec.clusters[0].destination.name: pattern",
        "spec.clusters[0].destination.name: is not a cluster's name: use letters, digits, blanks and any of . _ : / @ "
        "-",
    ),
    Refusal(
        "a cluster's name is no glob",
        BOOTSTRAP,
        "spec.clusters.0.destination",
        {"name": "*"},
        "spec.clusters[0].destination.name: pattern",
        "spec.clusters[0].destination.name: is not a cluster's name: use letters, digits, blanks and any of . _ : / @ "
        "-",
    ),
    Refusal(
        "cluster types are bounded",
        BOOTSTRAP,
        "spec.clusters",
        [{"type": f"t{n}", "environments": []} for n in range(MAX_CLUSTERS + 1)],
        "spec.clusters: maxItems",
        "spec.clusters: has more than 20 items",
    ),
    Refusal(
        "environments are bounded",
        BOOTSTRAP,
        "spec.clusters.0.environments",
        [f"e{n}" for n in range(MAX_ENVIRONMENTS + 1)],
        "spec.clusters[0].environments: maxItems",
        "spec.clusters[0].environments: has more than 500 items",
    ),
    Refusal(
        "another version is another model",
        BOOTSTRAP,
        "apiVersion",
        "platform.infraforge.io/v1",
        None,
        "apiVersion: must be 'platform.infraforge.io/v1alpha1'",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.reason)
def test_refused_by_the_schema(case: Refusal) -> None:
    """A rule that an API server can hold is held by the schema already."""
    expected = [] if case.schema is None else [case.schema]

    assert expected == faults(changed(case.claim, case.path, case.value))


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.reason)
def test_refused_by_the_model(case: Refusal) -> None:
    """Every rule is held by the model, whose message names the field and the mend and quotes no secret."""
    with pytest.raises(InvalidClaim) as refusal:
        parse(case.claim["kind"], changed(case.claim, case.path, case.value))

    assert case.model == str(refusal.value)
    assert "s3cret" not in str(refusal.value)


IMMUTABLE = [
    (APPLICATION, "spec.environment", "qa", "spec.environment: environment is immutable"),
    (APPLICATION, "spec.clusterType", "prod", "spec.clusterType: clusterType is immutable"),
    (PLATFORM, "spec.environment", "qa", "spec.environment: environment is immutable"),
    (PLATFORM, "spec.clusterType", "prod", "spec.clusterType: clusterType is immutable"),
    (BOOTSTRAP, "spec.gitea.url", "https://elsewhere", "spec.gitea: gitea is immutable"),
    (BOOTSTRAP, "spec.gitea.organization", "elsewhere", "spec.gitea: gitea is immutable"),
]


@pytest.mark.parametrize(("claim", "path", "value", "expected"), IMMUTABLE)
def test_immutable(claim: dict[str, Any], path: str, value: str, expected: str) -> None:
    """What names the place in Git stays as it was created; everything else may change."""
    assert [expected] == faults(changed(claim, path, value), old=claim)
    assert faults(claim, old=claim) == []


def test_the_sizes_that_must_fit() -> None:
    """500 environments in each of two types, and 100 applications in a claim."""
    clusters = [{"type": one, "environments": [f"{one}{n}" for n in range(500)]} for one in ("a", "b")]
    large = [
        changed(BOOTSTRAP, "spec.clusters", clusters),
        changed(APPLICATION, "spec.applications", [app(f"a{n}") for n in range(100)]),
    ]

    for claim in large:
        assert faults(claim) == []
        assert claim == parse(claim["kind"], claim).model_dump(exclude_unset=True)

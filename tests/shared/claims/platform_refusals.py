"""Every rule about PlatformClaims and BootstrapClaims that is not a rule about ApplicationClaims, too."""

from shared.claims.names import MAX_CLUSTERS, MAX_ENVIRONMENTS, MAX_SERVICES
from tests.shared.claims.examples import BOOTSTRAP, PLATFORM
from tests.shared.claims.refusals import NOT_A_LABEL, Refusal

S0 = "spec.services[0]"

SERVICES = [
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
]
BOOTSTRAPS = [
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

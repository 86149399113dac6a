"""What ArgoCD reads: ApplicationSets, root Applications, AppProjects and its repository credential. Pure.

The rules are those that a real ArgoCD 3.6 was seen to follow (tests/recordings/argocd): Go templates with
`missingkey=error`; two sources, because a value file given as a raw URL of a private repository gets no credentials;
`create-update` and `preserveResourcesOnDeletion`, so that an empty or unreadable repository deletes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import SecretStr

from shared.canonical import json_bytes
from shared.claims.parts import Destination
from shared.environments import Environment

Manifest = dict[str, Any]
ValueFiles = Literal["ref", "raw"]
Role = Literal["apps", "platform"]
"""Which half of a cluster type a root Application brings."""

API_VERSION: Final = "argoproj.io/v1alpha1"
BRANCH: Final = "main"
IN_CLUSTER: Final = "https://kubernetes.default.svc"
OWN_PROJECTS: Final = "infraforge-"
"""What the names of projects that are no cluster type's begin with."""
ROOT_PROJECT: Final = f"{OWN_PROJECTS}root"
RESERVED_PROJECTS: Final = frozenset({ROOT_PROJECT, "default"})
"""Projects that are no cluster type's: the root Applications' own, and ArgoCD's, which everybody else's may be in."""
CLUSTER_TYPE: Final = "infraforge.io/cluster-type"
ENVIRONMENT: Final = "infraforge.io/environment"
PART_OF: Final = {"app.kubernetes.io/part-of": "infraforge"}

# ArgoCD shall not prune a set whose file is gone: removal is InfraForge's, in an order that keeps workloads safe.
_OUTLIVES_ITS_FILE: Final = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
_AUTOMATED: Final = {"automated": {"prune": True, "selfHeal": True}}
_RETRY: Final = {"limit": 10, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}}


@dataclass(frozen=True)
class Layout:
    """The addresses that Git holds, and how values reach a chart. Never an endpoint of this process."""

    gitea_url: str
    argocd_namespace: str
    value_files: ValueFiles = "ref"

    def repository(self, organization: str, name: str) -> str:
        """The repository's address as ArgoCD clones it."""
        return f"{self.gitea_url}/{organization}/{name}.git"


@dataclass(frozen=True)
class Chart:
    """Where one application's chart comes from.

    `revision` is a Git revision of the chart repository for a chart in Gitea, and the chart's version for one in an
    OCI registry, whose address without scheme is `registry`.
    """

    name: str
    revision: str
    registry: str | None = None


@dataclass(frozen=True)
class Workloads:
    """One folder of an environment whose every sub-folder is an application, as one ApplicationSet deploys it.

    `only` are the sub-folders it is about, all when it is None, and `without` those that it leaves to others.
    `namespaces` and `projects` name what is not the `namespace` and the cluster type's project, by sub-folder.
    """

    name: str
    folder: str
    prefix: str
    namespace: str
    chart_repository: str
    charts: Mapping[str, Chart]
    default_revision: str
    only: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)


def application_set(environment: Environment, workloads: Workloads, layout: Layout) -> Manifest:
    """The set that makes one Application of each folder in `workloads.folder`.

    Only an application whose chart is not simply "the folder's name at the default revision" is mentioned by name, so
    that the set stays the same while ordinary applications come and go.
    """
    source = {
        "repoURL": layout.repository(environment.organization, workloads.chart_repository),
        "targetRevision": _revision(workloads),
        "path": _path(workloads),
        "helm": _helm(environment, workloads, layout),
    }
    spec: Manifest = {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [
            {
                "git": {
                    "repoURL": layout.repository(environment.organization, "voltran"),
                    "revision": BRANCH,
                    "directories": _directories(workloads),
                }
            }
        ],
        "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
        "template": {
            "metadata": {"name": f"{workloads.prefix}{{{{ .path.basename }}}}", "labels": _labels(environment)},
            "spec": {
                "project": _by_row(workloads.projects, environment.cluster_type),
                "destination": destination(environment.destination)
                | {"namespace": _by_row(workloads.namespaces, workloads.namespace)},
                "sources": [source, *_values_source(environment, layout)],
                "syncPolicy": _AUTOMATED | {"syncOptions": ["CreateNamespace=true"], "retry": _RETRY},
            },
        },
    }
    patch = _registry_patch(environment, workloads, layout)
    return {
        "apiVersion": API_VERSION,
        "kind": "ApplicationSet",
        "metadata": {
            "name": workloads.name,
            "namespace": layout.argocd_namespace,
            "labels": _labels(environment),
            "annotations": dict(_OUTLIVES_ITS_FILE),
        },
        "spec": spec | ({"templatePatch": patch} if patch else {}),
    }


def source_of(environment: Environment, workloads: Workloads, row: str, layout: Layout) -> dict[str, str]:
    """What the first source of one Application says beside its values: address, revision, and path or chart."""
    chart = workloads.charts.get(row) or Chart(row, workloads.default_revision)
    if chart.registry is not None:
        return {"repoURL": chart.registry, "chart": chart.name, "targetRevision": chart.revision}
    repository = layout.repository(environment.organization, workloads.chart_repository)
    return {"repoURL": repository, "path": chart.name, "targetRevision": chart.revision}


def set_name(environment: Environment, role: Role) -> str:
    """The name of an environment's set, e.g. `dev-apps`."""
    return f"{environment.name}-{role}"


def root_name(cluster_type: str, role: Role) -> str:
    """The name of a root Application, e.g. `nonprod-apps`."""
    return f"{cluster_type}-{role}"


def root_application(cluster_type: str, role: Role, organization: str, layout: Layout) -> Manifest:
    """The Application that deploys the sets of one cluster type, e.g. `nonprod-apps`."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": root_name(cluster_type, role),
            "namespace": layout.argocd_namespace,
            "labels": dict(PART_OF) | {CLUSTER_TYPE: cluster_type},
        },
        "spec": {
            "project": ROOT_PROJECT,
            "source": {
                "repoURL": layout.repository(organization, "voltran"),
                "targetRevision": BRANCH,
                "path": f"appsets/{cluster_type}/{role}",
            },
            "destination": {"server": IN_CLUSTER, "namespace": layout.argocd_namespace},
            "syncPolicy": _AUTOMATED | {"retry": _RETRY},
        },
    }


def credential_name(organization: str) -> str:
    """The name of the Secret below, as the chart's roles have it too: an object's has no capitals and no `_`.

    No two organizations have one name: to Gitea capitals make no difference, and it has no two signs in a row.
    """
    return f"infraforge-{organization.lower().replace('_', '--')}-repositories"


def credential(organization: str, token: SecretStr, layout: Layout) -> Manifest:
    """The Secret with which ArgoCD reads every repository of the organization (`repo-creds`: a URL prefix)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": credential_name(organization),
            "namespace": layout.argocd_namespace,
            "labels": dict(PART_OF) | {"argocd.argoproj.io/secret-type": "repo-creds"},
        },
        "type": "Opaque",
        "stringData": {
            "type": "git",
            "url": f"{layout.gitea_url}/{organization}",
            "username": "argocd",
            "password": token.get_secret_value(),
        },
    }


def destination(target: Destination | None) -> dict[str, str]:
    """The cluster an Application goes to: this one, unless the BootstrapClaim says otherwise."""
    if target is not None and target.name is not None:
        return {"name": target.name}
    return {"server": (target.server if target is not None else None) or IN_CLUSTER}


def _labels(environment: Environment) -> dict[str, str]:
    return dict(PART_OF) | {
        CLUSTER_TYPE: environment.cluster_type,
        ENVIRONMENT: environment.name,
    }


def _helm(environment: Environment, workloads: Workloads, layout: Layout) -> Manifest:
    return {
        "releaseName": f"{workloads.prefix}{{{{ .path.basename }}}}",
        "valueFiles": [_value_file(environment, layout)],
    }


def _value_file(environment: Environment, layout: Layout) -> str:
    if layout.value_files == "ref":
        return "$values/{{ .path.path }}/values.yaml"
    base = layout.repository(environment.organization, "voltran").removesuffix(".git")
    return f"{base}/raw/branch/{BRANCH}/{{{{ .path.path }}}}/values.yaml"


def _values_source(environment: Environment, layout: Layout) -> list[Manifest]:
    if layout.value_files == "raw":
        return []
    return [
        {"repoURL": layout.repository(environment.organization, "voltran"), "targetRevision": BRANCH, "ref": "values"}
    ]


def _in_gitea(workloads: Workloads) -> list[tuple[str, Chart]]:
    return [(name, chart) for name, chart in sorted(workloads.charts.items()) if chart.registry is None]


def _revision(workloads: Workloads) -> str:
    """The chart repository's revision; a template only where an application wants another than the rest."""
    others = {
        name: chart.revision for name, chart in _in_gitea(workloads) if chart.revision != workloads.default_revision
    }
    return _by_row(others, workloads.default_revision)


def _directories(workloads: Workloads) -> list[Manifest]:
    inside: list[Manifest] = [{"path": f"{workloads.folder}/{name}"} for name in workloads.only or ("*",)]
    return inside + [{"path": f"{workloads.folder}/{name}", "exclude": True} for name in workloads.without]


def _by_row(others: Mapping[str, str], usual: str) -> str:
    """`usual`; a template only where a sub-folder has something else."""
    differing = {name: value for name, value in sorted(others.items()) if value != usual}
    return _lookup(differing, f'"{usual}"') if differing else usual


def _path(workloads: Workloads) -> str:
    """The chart's folder: the application's own name, unless its chart is called otherwise."""
    others = {name: chart.name for name, chart in _in_gitea(workloads) if chart.name != name}
    return _lookup(others, ".path.basename") if others else "{{ .path.basename }}"


def _lookup(table: Mapping[str, str], default: str) -> str:
    """A template that looks the folder's name up in `table` (checked names only: nothing in it needs escaping)."""
    entries = " ".join(f'"{name}" "{value}"' for name, value in table.items())
    return f"{{{{ get (dict {entries}) .path.basename | default {default} }}}}"


def _registry_patch(environment: Environment, workloads: Workloads, layout: Layout) -> str | None:
    """A patch that gives the applications with charts from OCI registries their own first source."""
    found = [(name, chart) for name, chart in sorted(workloads.charts.items()) if chart.registry is not None]
    if not found:
        return None
    blocks = []
    for index, (name, chart) in enumerate(found):
        keyword = "if" if index == 0 else "else if"
        source = {
            "repoURL": chart.registry,
            "chart": chart.name,
            "targetRevision": chart.revision,
            "helm": _helm(environment, workloads, layout),
        }
        patch = json_bytes({"spec": {"sources": [source, *_values_source(environment, layout)]}}).decode()
        blocks.append(f'{{{{- {keyword} eq .path.basename "{name}" }}}}\n{patch}\n')
    return "".join(blocks) + "{{- else }}\n{}\n{{- end }}\n"

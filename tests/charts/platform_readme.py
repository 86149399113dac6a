"""The README.md of each platform chart, made of its values, its objects and what a person has to know beside them.

    python -m tests.charts.platform_readme

writes those that are stale.
"""

import json
from typing import Final

import yaml

from tests.charts.generated import values_of
from tests.charts.platform import ALL, BACKUP, CASES, CHARTS, NAMESPACES, ROOT, objects

STORAGE: Final = """\
## What never changes

A StatefulSet's selector, service name, pod management and volume templates are immutable. Here they depend on the
release's name alone, with two exceptions, which an API server refuses to change once the service is deployed:
`{path}.size` and `{path}.storageClass`. A volume grows, where its class allows it, by editing each
PersistentVolumeClaim (`kubectl get pvc -l app.kubernetes.io/instance=<release>`), deleting the StatefulSet with
`--cascade=orphan`, and then changing the claim. The volumes outlive the release; nothing but a person deletes them.
"""

RESTORE: Final = {
    "postgres": "`zcat <file>.sql.gz | psql --host <release> --username <username> postgres`, into an empty server.",
    "redis": "Scale the StatefulSet to 0, put the file into its volume as `dump.rdb` in place of what is there,\n"
    'and scale it to 1 with `configuration.appendonly: "no"`; `redis-cli config set appendonly yes` then makes it.',
}

NOTES: Final = {
    "postgres": """\
## The password

The server takes it when the volume is empty. A new one is made with `ALTER ROLE … PASSWORD`, then in the Secret.
""",
    "redis": """\
## One server

There is no replication and no failover here: a restart is an interruption of seconds. The image's modules are not
loaded.
""",
    "rabbitmq": """\
## The cluster

The image's tag has to be one with the management plugin, which brings the metrics' plugin, too. Messages are not backed
up: use quorum queues on three nodes. The Erlang cookie is made of the password inside the pod unless the Secret has the
key `erlang-cookie`; change either with all nodes stopped.
""",
    "kafka": """\
## Who gets in

Every listener, those between the nodes too, wants SASL/PLAIN as `auth.username`; traffic is not encrypted. Clients set
`security.protocol=SASL_PLAINTEXT` and `sasl.mechanism=PLAIN`. There is no authorizer: who has the password may do all.
A new password in the Secret takes effect when all nodes were stopped together, since they use it among themselves.

Topics are not backed up: give them a replication factor of 3 on three nodes. `replicaCount` cannot be changed once the
cluster is formed.
""",
    "namespaces": """\
## What is kept

A Namespace is never pruned nor deleted (`Prune=false,Delete=false`; for Helm `keep`): with it every volume claim in it
would go. Its quota, limits, network policies and bindings follow the values. `kube-…`, `knative-…`, `default`,
`argocd`, `gitea` and `platform-system` are refused, and so are users and groups called `system:…`, every role but view,
edit and admin, and the Pod Security level privileged.
""",
}


def readme(chart: str) -> str:
    """The README.md of `chart`, a name."""
    manifest = yaml.safe_load((ROOT / chart / "Chart.yaml").read_text())
    about = [f"# {chart}", _GENERATED, manifest["description"], _objects(chart), NOTES.get(chart, "").strip()]
    if chart != NAMESPACES:
        path = "primary.persistence" if chart == "postgres" else "persistence"
        about.append(STORAGE.format(path=path).strip())
    if chart in RESTORE:
        about.append(f"## Restoring a backup\n\n{RESTORE[chart]}")
    rows = [
        f"| `{'.'.join(value.path)}` | {_default(value.default)} | {value.description.replace('<', '&lt;')} |"
        for value in values_of(ROOT / chart)
    ]
    table = "\n".join(["| value | default | |", "| --- | --- | --- |", *rows])
    return "\n\n".join([*filter(None, about), "## Values", table]) + "\n"


_GENERATED: Final = "<!-- Generated: edit values.yaml, then `python -m tests.charts.platform_readme`. -->"


def _objects(chart: str) -> str:
    """What the chart makes, and what only some values make."""
    if chart == NAMESPACES:
        (case,) = [case for case in CASES if case.name == "namespaces-all"]
        kinds = sorted({manifest["kind"] for manifest in objects(chart, case.values)})
        return f"Objects: {', '.join(kinds)}."
    plain = [manifest["kind"] for manifest in objects(chart)]
    backup = BACKUP if chart in RESTORE else ""
    more = [manifest["kind"] for manifest in objects(chart, ALL + backup)]
    for kind in plain:
        more.remove(kind)
    optional = f" With `backup.enabled`: {', '.join(sorted(more))}." if more else ""
    return f"Objects: {', '.join(sorted(plain))}.{optional}"


def _default(text: str | None) -> str:
    return "" if text is None else f"`{json.dumps(json.loads(text), ensure_ascii=False)}`".replace("|", "\\|")


if __name__ == "__main__":
    for name in CHARTS:
        (ROOT / name / "README.md").write_text(readme(name))

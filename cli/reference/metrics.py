"""Every metric, from the registry that `/metrics` answers from."""

from typing import Final

from cli.reference.markdown import code, page, table
from functions.deadletters.store import outcomes
from shared.telemetry import Metrics

_SUFFIX: Final = {"counter": "_total"}


def render() -> str:
    """The page about all of them."""
    metrics = Metrics()
    outcomes(metrics)
    found = sorted(metrics.registry.collect(), key=lambda one: one.name)
    return page(
        "Metrics",
        "`GET /metrics` of each function, in Prometheus' format; the chart makes a ServiceMonitor with "
        "`serviceMonitor.enabled`. Labels take few values and name no object.",
        table(
            ("metric", "type", "what it is, by which labels"),
            (
                (
                    code(one.name + _SUFFIX.get(one.type, "")),
                    one.type,
                    one.documentation,
                )
                for one in found
            ),
        ),
        "`outcome` is `ok` or a reason ([conditions.md](conditions.md)). `infraforge_claims` is what one replica met "
        "at its last resync: take the maximum over replicas, not the sum. An example dashboard for Grafana: "
        "[dashboard.json](../dashboard.json); example alerts: [operations.md](../operations.md).",
    )

"""What the render gate is asked of a row. Pure."""

from dataclasses import dataclass

from shared.argocd import Chart


@dataclass(frozen=True)
class Wanted:
    """One row's rendering. `repository` is the one that the row's charts are in, `charts` or `platform-charts`.

    `release` and `namespace` are those of its Application; `values` is the file that ArgoCD gives to Helm.
    """

    row: str
    chart: Chart
    repository: str
    release: str
    namespace: str
    values: bytes

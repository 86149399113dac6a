"""Every condition and reason, from the table beside this file."""

from pathlib import Path
from typing import Any, Final

import yaml

from cli.reference.markdown import code, page, table

TABLE: Final = Path(__file__).with_name("reasons.yaml")


def read() -> dict[str, Any]:
    """The table: `conditions` (type → text), `reasons` and `argocd` (reason → [meaning, cure])."""
    document: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return document


def render() -> str:
    """The page about all of them."""
    known = read()
    return page(
        "Conditions and reasons",
        "Conditions follow the conventions of kstatus, so `kubectl wait --for=condition=Ready` means what it says. "
        "`message` says more than this page can, and names the field or the object; `infraforge why` follows a claim "
        "to the first thing that is not well.",
        table(("condition", "True means"), ((code(name), text) for name, text in known["conditions"].items())),
        "## Reasons",
        _reasons(known["reasons"]),
        "## What ArgoCD says",
        "A row's `deployed.reason` may also be a word of ArgoCD's own:",
        _reasons(known["argocd"]),
    )


def _reasons(reasons: dict[str, list[str]]) -> str:
    rows = ((code(name), meaning, cure) for name, (meaning, cure) in sorted(reasons.items()))
    return table(("reason", "what it means", "what mends it"), rows)

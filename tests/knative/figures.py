"""What the chart comes to, in figures: `python -m tests.knative.figures`."""

from typing import Any

from tests.knative.rendering import ALL, render

ACCOUNTS = ("bootstrap", "application", "platform", "deadletters", "source", "setup", "test")


def main() -> None:
    """Print objects per option, and rules and single rights per account."""
    objects = {option: render(values) for option, values in ALL.items()}
    print(f"chart: {sum(map(len, objects.values()))} objects validated in {len(objects)} options")
    roles = {
        (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")): one["rules"]
        for one in objects["default"]
        if one["kind"] in ("Role", "ClusterRole") and "rules" in one
    }
    for account in ACCOUNTS:
        rules = [rule for role in _bound(objects["default"], f"infraforge-{account}") for rule in roles[role]]
        rights = sum(len(rule["resources"]) * len(rule["verbs"]) for rule in rules)
        print(f"  infraforge-{account}: {len(rules)} rules, {rights} rights")


def _bound(objects: list[dict[str, Any]], account: str) -> list[tuple[str, str, str | None]]:
    """The roles that a ServiceAccount of the chart is bound to: kind, name and namespace."""
    return [
        (
            one["roleRef"]["kind"],
            one["roleRef"]["name"],
            one["metadata"].get("namespace") if one["roleRef"]["kind"] == "Role" else None,
        )
        for one in objects
        if one["kind"] in ("RoleBinding", "ClusterRoleBinding")
        and any(subject["name"] == account for subject in one["subjects"])
    ]


if __name__ == "__main__":
    main()

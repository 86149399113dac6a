"""What the tests of removals share: the example claims' places in Git, and a person who confirms."""

from typing import Any

from tests.functions.platform import Platform

APPS = "environments/nonprod/dev/applications"
SET = "appsets/nonprod/apps/dev-appset.yaml"
EXAMPLES = {
    "BootstrapClaim": "bootstrap-claim.yaml",
    "ApplicationClaim": "dev/dev-apps-claim.yaml",
    "PlatformClaim": "dev/dev-platform-claim.yaml",
}


def confirm(platform: Platform, claim: dict[str, Any]) -> None:
    """What a person does who reads the message, and what the function does then."""
    platform.annotate(claim, confirm_removal=platform.live(claim)["status"]["confirmation"])
    platform.react(claim)

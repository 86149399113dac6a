"""Every artifact that the seed's claims generate, held against committed files.

After an intended change: `UPDATE_GOLDEN=1 pytest tests/functions/test_golden.py`, and read the difference.
"""

import os
from pathlib import Path

import yaml

from tests.functions.platform import Platform, example, normalised

GOLDEN = Path(__file__).parent / "golden"


def _hold(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, f"{name} is not as committed"


def test_voltran_of_the_seed(platform: Platform) -> None:
    """The whole tree, path by path and byte by byte."""
    platform.bootstrap()
    for claim in ("dev/dev-apps-claim.yaml", "dev/dev-platform-claim.yaml"):
        platform.apply(example(claim))
    files = platform.files()
    _hold("voltran.txt", "\n".join(sorted(files)) + "\n")
    for path, content in files.items():
        if not path.endswith(".gitkeep"):
            _hold(f"voltran/{path}", normalised(content, platform.organization))


def test_argocd_objects_of_the_seed(platform: Platform) -> None:
    """What the bootstrap function deploys to ArgoCD; the token is shown to be ArgoCD's own, and blanked."""
    platform.bootstrap()
    for (plural, namespace, name), document in platform.kube.objects.items():
        if namespace != "argocd":
            continue
        shown = {key: document[key] for key in document if key != "metadata"}
        shown["metadata"] = {key: document["metadata"].get(key) for key in ("name", "namespace", "labels")}
        if plural == "secrets":
            assert shown["stringData"]["password"] == platform.server.readonly.get_secret_value()
            shown["stringData"]["password"] = "<ArgoCD's own read-only token>"
        text = normalised(yaml.safe_dump(shown), platform.organization)
        _hold(f"argocd/{plural}-{normalised(name, platform.organization)}.yaml", text)


def test_commit_messages_of_the_seed(platform: Platform) -> None:
    """Subject, spec and trailers of each commit, from the first day."""
    platform.bootstrap()
    for claim in ("dev/dev-apps-claim.yaml", "dev/dev-platform-claim.yaml"):
        platform.apply(example(claim))
    _hold(
        "log.txt", normalised(platform.git("log", "--reverse", "--format=%an <%ae>%n%B", "main"), platform.organization)
    )

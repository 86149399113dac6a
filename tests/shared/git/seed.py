"""A `voltran` of any size, made in one stream: clones and commits of the real thing would take minutes."""

import subprocess
from pathlib import Path

APPLICATIONS_PER_ENVIRONMENT = 100


def seed(repository: Path, applications: int) -> None:
    """Fill the bare `repository` with applications, 100 an environment, in the structure of the product."""
    environments = max(1, -(-applications // APPLICATIONS_PER_ENVIRONMENT))
    files = {"root-apps/nonprod/apps-rootapp.yaml": "kind: Application\n"}
    for number in range(applications):
        folder = f"environments/nonprod/env{number % environments:03d}/applications/app-{number:05d}"
        files[f"{folder}/values.yaml"] = (
            f"image:\n  repository: registry.example.com/app-{number}\n  tag: v1.{number}\n"
        )
    for number in range(environments):
        name = f"env{number:03d}"
        files[f"environments/nonprod/{name}/platform/postgres/values.yaml"] = f"size: {number}Gi\n"
        files[f"appsets/nonprod/apps/{name}-appset.yaml"] = f"kind: ApplicationSet\nname: {name}\n"
        files[f"appsets/nonprod/platform/{name}-platform-appset.yaml"] = (
            f"kind: ApplicationSet\nname: {name}-platform\n"
        )
    stream = [b"commit refs/heads/main\ncommitter Seed <seed@example.com> 1700000000 +0000\ndata 5\nseed\n"]
    for path, text in files.items():
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text.encode()))
    subprocess.run(["git", "-C", str(repository), "fast-import", "--quiet"], input=b"".join(stream), check=True)

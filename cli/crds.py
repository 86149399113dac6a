"""`infraforge crds`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Failure
from cli.output import Output, print_json, stderr


def crds(
    *,
    write: Annotated[Path | None, typer.Option(metavar="DIR", help="Write one file for each kind.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Fail when the files there are not these definitions.")
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="YAML documents (text) or a JSON List.")
    ] = Output.TEXT,
) -> None:
    """Print the CustomResourceDefinitions of the claims, as they follow from the models.

    Examples:

        infraforge crds | kubectl apply --server-side -f -
        infraforge crds --write knative/files/crds
        infraforge crds --check knative/files/crds
    """
    from shared.claims import crd  # noqa: PLC0415 - pydantic's models cost what the other commands need not pay

    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name, content in crd.files().items():
            (write / name).write_bytes(content)
            stderr().print(f"wrote {write / name}")
    elif check is not None:
        stale = [name for name, content in crd.files().items() if _content(check / name) != content]
        if stale:
            raise Failure(
                f"{', '.join(stale)} in {check} differ from the models: run `infraforge crds --write {check}`"
            )
    elif output is Output.JSON:
        print_json({"apiVersion": "v1", "kind": "List", "items": crd.manifests()})
    else:
        typer.echo("---\n".join(content.decode() for content in crd.files().values()), nl=False)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None

"""`infraforge adopt`: keeping a hand edit of generated files, as a change of the claim."""

import json
import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from cli import naming
from cli.clone import Change, Clone
from cli.cluster import Reference
from cli.exits import Failure
from cli.history.source import GiteaTokenFileOption, GiteaUrlOption, Source, VoltranOption, organization_of
from cli.output import complain, stderr
from cli.parameters import ContextOption, DataDirOption, KubeconfigOption, NamespaceOption, cluster_of

if TYPE_CHECKING:
    from cli.adoption import Adoption, Scope
    from cli.json_patch import Operation

DRIFTED: Final = "Drifted"
_SHORT: Final = 12


class Format(StrEnum):
    """How the patch is printed."""

    JSON = "json"
    YAML = "yaml"
    COMMAND = "command"


def adopt(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help=naming.FORMS)],
    *,
    namespace: NamespaceOption = None,
    commit: Annotated[
        str | None,
        typer.Option(
            metavar="SHA",
            help="The commit with the hand edit. [default: the one on main that is not restored yet, or else the one "
            "that the claim's status names as its latest drift]",
            show_default=False,
        ),
    ] = None,
    voltran: VoltranOption = None,
    gitea_url: GiteaUrlOption = None,
    gitea_token_file: GiteaTokenFileOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: Annotated[
        Format, typer.Option("--output", "-o", help="The patch as JSON, as YAML, or as a kubectl command line.")
    ] = Format.JSON,
) -> None:
    """Print the claim patch that would produce a hand edit of generated files in voltran (RFC 6902).

    InfraForge restores generated files, and what somebody changed in them by hand is undone. To keep it, the claim has
    to say it: values, an image's repository, tag and pull policy, an application or a service that was removed or
    added. Nothing is changed by this command. What no claim can produce is named on stderr; exit code 1 when there is
    nothing else.

    Examples:

        infraforge adopt appclaim/dev/dev-apps
        infraforge adopt appclaim/dev/dev-apps -o command | sh
        kubectl patch appclaim/dev-apps -n dev --type=json -p "$(infraforge adopt appclaim/dev/dev-apps)"
        infraforge adopt PlatformClaim/dev-platform -n platform-services --commit 1a2b3c4d -o yaml
    """
    cluster = cluster_of(kubeconfig, data_dir, context)
    reference, document = naming.find(cluster, claim, namespace)
    source = Source(voltran, gitea_url, gitea_token_file, data_dir, is_sandbox=True)
    adopted = _read(source, reference, document, commit)
    for one in adopted.assumed:
        stderr().print(Text(f"note: {one}"), soft_wrap=True)
    for one in adopted.left:
        complain(f"no claim can produce it: {one}")
    if not adopted.operations:
        raise Failure(
            f"{reference}: nothing of it can be adopted: what is to stay has to be said in the claim"
            if adopted.left
            else f"{reference}: nothing to adopt: its files are what the claim says; --commit names another commit"
        )
    typer.echo(_printed(list(adopted.operations), reference, output))


def _read(source: Source, reference: Reference, document: dict[str, Any], commit: str | None) -> "Adoption":
    from cli.adoption import Adoption, Scope, adopt  # noqa: PLC0415 - its libraries cost what others need not pay

    scope = Scope.of(document)
    if scope is None:
        return adopt(document, {}, {})
    with source.open(organization_of(document)) as clone:
        pending = None if commit else _pending(clone, scope)
        drifted = commit or (None if pending else _drifted(document))
        edited = pending or clone.resolve(drifted or "main")
        if edited is None:
            raise Failure(
                f"voltran does not hold {drifted or 'a branch main'} (any more): name another commit with --commit"
            )
        base = _base(clone, scope, reference, document, edited, named=drifted is not None)
        if base == edited:
            return Adoption()
        stderr().print(
            Text(f"{edited[:_SHORT]} by {clone.author(edited)}, compared with {base[:_SHORT]}"), soft_wrap=True
        )
        return adopt(document, clone.files(base, scope.paths), clone.files(edited, scope.paths))


def _pending(clone: Clone, scope: "Scope") -> str | None:
    """A person's commit that is the last to have changed the claim's files: it is not restored yet.

    Gitea tells of a push seconds later; what the status names until then is an edit from before.
    """
    newest = next(iter(clone.changes("main", scope.paths)), None)
    return newest.sha if newest is not None and not newest.claim else None


def _drifted(document: dict[str, Any]) -> str | None:
    """The commit of the latest drift that the claim's status knows of."""
    history = (document.get("status") or {}).get("history") or ()
    return next((str(one["commit"]) for one in history if one.get("reason") == DRIFTED and one.get("commit")), None)


def _base(
    clone: Clone, scope: "Scope", reference: Reference, document: dict[str, Any], edited: str, *, named: bool
) -> str:
    """The last commit before the edit in which InfraForge wrote this claim's files.

    A commit that was `named` is a hand edit whatever its trailers say: who picks one of ours copies them.
    """

    def ours(change: Change) -> bool:
        return change.claim == str(reference) and not (named and change.sha == edited)

    found = next((one.sha for one in clone.changes(edited, scope.paths) if ours(one)), None)
    if found is None:  # a rewritten history
        recorded = str(((document.get("status") or {}).get("commit") or {}).get("sha") or "")
        found = clone.resolve(recorded)
    if found is None:
        raise Failure(
            f"no commit before {edited[:_SHORT]} has files that InfraForge wrote for {reference}, and so nothing tells "
            "what was changed by hand: name another commit with --commit"
        )
    return found


def _printed(operations: "list[Operation]", reference: Reference, output: Format) -> str:
    if output is Format.YAML:
        from shared.canonical import yaml_bytes  # noqa: PLC0415 - beside the other modules that only this one needs

        return yaml_bytes(operations, sort_keys=False).decode().rstrip("\n")
    patch = json.dumps(operations)
    if output is Format.JSON:
        return patch
    target = f"{reference.resource}/{reference.name}"
    place = ["-n", reference.namespace] if reference.namespace else []
    return shlex.join(["kubectl", "patch", target, *place, "--type=json", "-p", patch])

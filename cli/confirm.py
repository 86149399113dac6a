"""`infraforge confirm`: letting a removal go on that is held until a person has seen it."""

from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli import naming
from cli.claims import ClaimView
from cli.cluster import Reference
from cli.exits import USAGE, Failure
from cli.output import Output, print_json, stdout
from cli.parameters import (
    ContextOption,
    DataDirOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
    YesOption,
    cluster_of,
    consent,
)

HELD: Final = "ConfirmationRequired"


def confirm(
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help=naming.FORMS)],
    *,
    namespace: NamespaceOption = None,
    yes: YesOption = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a held removal would remove, and let it go on.

    A change that removes much at once, or something with data in it, waits for this: its claim says
    ConfirmationRequired. The confirmation holds for exactly what is shown; if that changes, it has to be given again.
    Without --yes it asks, and where nobody can be asked it only shows.

    With kubectl alone, the text being the one that the claim's status names:

        kubectl annotate appclaim/dev-apps -n dev --overwrite platform.infraforge.io/confirm-removal=remove-3-1a2b3c4d

    Examples:

        infraforge confirm appclaim/dev/dev-apps
        infraforge confirm PlatformClaim/dev-platform -n dev --yes
    """
    from shared.claims.meta import CONFIRM_REMOVAL  # noqa: PLC0415 - pydantic's models cost what others need not pay

    cluster = cluster_of(kubeconfig, data_dir, context)
    reference, document = naming.find(cluster, claim, namespace)
    message, text = _held(reference, document)
    if output is Output.TEXT:
        stdout().print(Text(f"{reference}: {message}"), soft_wrap=True)
    given = (document["metadata"].get("annotations") or {}).get(CONFIRM_REMOVAL)
    if given != text:
        if output is Output.JSON and not yes:
            print_json(_entry(reference, message, text, confirmed=False))
            raise Failure("nothing was confirmed: add --yes", USAGE)
        consent(f"Remove it for good ({text})?", yes=yes)
        cluster.merge(reference, {"metadata": {"annotations": {CONFIRM_REMOVAL: text}}})
    if output is Output.JSON:
        print_json(_entry(reference, message, text, confirmed=True))
    else:
        stdout().print("It was confirmed already." if given == text else "Confirmed: the removal goes on by itself.")


def _entry(reference: Reference, message: str, text: str, *, confirmed: bool) -> dict[str, Any]:
    claim = {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}
    return claim | {"message": message, "confirmation": text, "confirmed": confirmed}


def _held(reference: Reference, document: dict[str, Any]) -> tuple[str, str]:
    """What the claim says would go, and the text that confirms it; `Failure` when nothing is held."""
    view = ClaimView.of(reference, document)
    ready = view.condition("Ready")
    if not view.current:
        raise Failure(f"{reference}: {view.summary[1]}: try again when a function has looked at it")
    text = (document.get("status") or {}).get("confirmation")
    if ready is None or ready.reason != HELD or not text:
        reason, said = view.summary
        raise Failure(f"{reference}: no removal is held; it says {reason}: {said}")
    return ready.message, str(text)

"""`infraforge events`: what no function took, and sending it again."""

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from cli.cluster import Cluster, Reference
from cli.exits import EXPLAINED, USAGE, Failure
from cli.manifests import Manifest
from cli.output import Output, print_json, printable, stdout
from cli.parameters import ContextOption, DataDirOption, KubeconfigOption, OutputOption, cluster_of

app = typer.Typer(
    no_args_is_help=True,
    help="""Look at events that no function took (dead letters), and send them again.

An event ends here when a function refused it for good, or did not manage it in all the tries that its Trigger makes. It
is kept as an object, a DeadLetter, which kubectl shows too; its claim says `Delivered=False` until a function has dealt
with it. Nothing is lost while it lies here: functions look at the claim itself, now and then unasked.

Examples:

    infraforge events list
    infraforge events show 3f9a        # the beginning of a name will do
    infraforge events replay 3f9a      # once the cause is mended
    infraforge events replay --all

With kubectl alone:

    kubectl get deadletters -n platform-system
    kubectl annotate dl/NAME -n platform-system --overwrite platform.infraforge.io/replay="$(date)"
""",
    epilog=EXPLAINED,
)

KIND: Final = "DeadLetter"
_POLL: Final = 0.2
_State = dict[str, str]

LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="A name that `list` shows, or how it begins.")]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="The system namespace, where the letters are.")
]
SYSTEM: Final = "platform-system"


@app.command("list", epilog=EXPLAINED)
def list_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 50,
    namespace: NamespaceOption = SYSTEM,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the dead letters, the newest first."""
    letters = _Letters(cluster_of(kubeconfig, data_dir, context), namespace)
    found = sorted(letters.all(), key=lambda one: str(_spec(one).get("givenUp")), reverse=True)
    if output is Output.JSON:
        print_json({"total": len(found), "items": [_document(one, with_data=False) for one in found[:limit]]})
        return
    if not found:
        stdout().print("No dead letters: every event was delivered.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "GIVEN UP", "TYPE", "OBJECT", "ANSWER", "REPLAY"):
        table.add_column(column)
    for letter in found[:limit]:
        table.add_row(*(Text(printable(cell)) for cell in _row(letter)))
    stdout().print(table)
    if len(found) > limit:
        stdout().print(f"… and {len(found) - limit} more: --limit shows them")


@app.command("show", epilog=EXPLAINED)
def show_letter(
    letter: LetterArgument,
    *,
    namespace: NamespaceOption = SYSTEM,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print one dead letter with its event, as JSON. The event may hold what a team wrote into a claim by mistake."""
    found = _Letters(cluster_of(kubeconfig, data_dir, context), namespace).one(letter)
    print_json(_document(found, with_data=True))


@app.command("replay", epilog=EXPLAINED)
def replay(
    letter: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A name that `list` shows, or how it begins.", show_default=False),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Send all of them again.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait until they are sent.")] = 120,
    namespace: NamespaceOption = SYSTEM,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Have a dead letter sent to the Broker again, and wait until the Broker has it: exit code 1 if it does not.

    It goes to every function that the event is for, as it did at first; they look at what there is now, so that twice
    does no harm. An event that is given up once more is a dead letter once more.
    """
    if every == (letter is not None):
        raise typer.BadParameter("name one ID, or --all", param_hint="ID")
    letters = _Letters(cluster_of(kubeconfig, data_dir, context), namespace)
    chosen = list(letters.all()) if letter is None else [letters.one(letter)]
    outcomes = letters.replay(chosen, timeout)
    if output is Output.JSON:
        print_json({"items": outcomes})
    elif not outcomes:
        stdout().print("No dead letters: every event was delivered.")
    else:
        for one in outcomes:
            stdout().print(Text(printable(f"{one['name']}: {one['message']}")), soft_wrap=True)
    if any(one["state"] != "sent" for one in outcomes):
        raise typer.Exit(1)


@app.command("delete", epilog=EXPLAINED)
def delete(
    letter: LetterArgument,
    *,
    namespace: NamespaceOption = SYSTEM,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Forget a dead letter. What its event told of is still looked at, by the next event or resync."""
    letters = _Letters(cluster_of(kubeconfig, data_dir, context), namespace)
    letters.delete(letters.one(letter))


@dataclass(frozen=True)
class _Letters:
    """The dead letters of a cluster."""

    cluster: Cluster
    namespace: str

    def all(self) -> Iterator[dict[str, Any]]:
        """Each of them; `Failure` when the cluster knows no such kind."""
        from shared.claims.meta import API_VERSION  # noqa: PLC0415 - pydantic's models cost what others need not pay

        if KIND not in self.cluster.kinds(API_VERSION):
            raise Failure(f"the cluster knows no {KIND} of {API_VERSION}: InfraForge's CRDs are not installed there")
        return self.cluster.every(API_VERSION, KIND, self.namespace)

    def one(self, given: str) -> dict[str, Any]:
        """The one whose name is `given`, or begins with it; `Failure` when there is none, or more than one."""
        found = [one for one in self.all() if _name(one).startswith(given)] if given else []
        exact = [one for one in found if _name(one) == given]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if not found:
            raise Failure(f'there is no dead letter "{given}" in {self.namespace}: `infraforge events list` shows all')
        names = ", ".join(sorted(_name(one) for one in found)[:5])
        raise Failure(f'"{given}" is the beginning of {len(found)} dead letters, {names} among them: write more', USAGE)

    def replay(self, letters: Sequence[Mapping[str, Any]], timeout: float) -> list[_State]:
        """Ask for all of them, and look until each is sent or refused, `timeout` seconds at most."""
        from shared.claims.deadletter import REPLAY  # noqa: PLC0415 - pydantic again, for `replay` alone

        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        waiting = {_name(one): one for one in letters}
        for one in letters:
            self.cluster.merge(self._reference(one), {"metadata": {"annotations": {REPLAY: now}}})
        deadline, done = time.monotonic() + timeout, dict[str, _State]()
        while True:
            for name, before in list(waiting.items()):
                state = _state(name, before, self.cluster.get(self._reference(before)), REPLAY)
                if state["state"] != "waiting" or time.monotonic() >= deadline:
                    done[name] = state
                    del waiting[name]
            if not waiting:
                return [done[_name(one)] for one in letters]
            time.sleep(_POLL)  # one request a letter, where a watch would need a connection

    def delete(self, letter: Mapping[str, Any]) -> None:
        """Delete it."""
        self.cluster.delete(self._reference(letter))

    def _reference(self, letter: Mapping[str, Any]) -> Reference:
        metadata = {"name": _name(letter), "namespace": self.namespace}
        document = {"apiVersion": letter["apiVersion"], "kind": KIND, "metadata": metadata}
        return self.cluster.reference(Manifest(document, KIND))


def _state(name: str, before: Mapping[str, Any], now: Mapping[str, Any] | None, annotation: str) -> _State:
    """What became of a letter whose replay was asked for."""
    if now is None:
        return {"name": name, "state": "sent", "message": "sent again"}
    status = now.get("status") or {}
    said = str(status.get("message") or "")
    if annotation in (now["metadata"].get("annotations") or {}):
        return {"name": name, "state": "waiting", "message": f"not sent yet: {said or 'no function has taken it up'}"}
    if _spec(now).get("givenUp") != _spec(before).get("givenUp"):
        spec = _spec(now)
        answer = f"{spec.get('code') or ''} {spec.get('error') or ''}".strip()
        return {"name": name, "state": "givenUp", "message": f"given up once more: {answer}"}
    return {"name": name, "state": "refused", "message": f"not sent: {said or 'the request was taken back'}"}


def _document(letter: Mapping[str, Any], *, with_data: bool) -> dict[str, Any]:
    """A letter for programs; its data as JSON where it is JSON, as text where it is text, otherwise in base64."""
    spec, metadata, status = _spec(letter), letter["metadata"], letter.get("status") or {}
    event = spec.get("event") or {}
    shown = {"attributes": event.get("attributes") or {}, "reduced": bool(event.get("reduced"))}
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "created": metadata.get("creationTimestamp"),
        **{name: spec.get(name) for name in ("givenUp", "object", "trigger", "destination", "code", "error")},
        "replay": {name: status.get(name) for name in ("replay", "message", "time")} if status else None,
        "event": shown | ({"data": _data(letter)} if with_data else {}),
    }


def _data(letter: Mapping[str, Any]) -> Any:
    from functions.deadletters.letter import event_of  # noqa: PLC0415 - pydantic again, for `show` alone

    try:
        _, data = event_of(dict(letter))
    except ValueError as error:
        raise Failure(f"{_name(letter)}: {error}") from error
    if not data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _row(letter: Mapping[str, Any]) -> tuple[str, ...]:
    spec = _spec(letter)
    kind = ((spec.get("event") or {}).get("attributes") or {}).get("type") or ""
    answer = f"{spec.get('code') or ''} {spec.get('error') or ''}".strip()
    when = str(spec.get("givenUp") or "").partition(".")[0]
    replayed = (letter.get("status") or {}).get("replay") or ""
    return _name(letter), when, kind, spec.get("object") or "", answer[:100], replayed


def _spec(letter: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = letter.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _name(letter: Mapping[str, Any]) -> str:
    return str(letter["metadata"]["name"])

"""`infraforge events`: what the broker could not deliver."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.exits import EXPLAINED, NOT_RUNNING, Failure
from cli.output import Output, print_json, stdout
from cli.parameters import DataDirOption, OutputOption, running_sandbox
from sandbox.supervisor.components import BROKER

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    no_args_is_help=True,
    help="""Look at events that no function accepted (dead letters), and send them again.

An event ends here when a function refused it for good, or did not manage it in nine tries.

Examples:

    infraforge events list
    infraforge events show 3
    infraforge events replay 3         # once the cause is mended
    infraforge events replay --all
""",
    epilog=EXPLAINED,
)

_REPLAY_WAIT = 120
LetterArgument = Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.")]


@app.command("list", epilog=EXPLAINED)
def list_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest first.")] = 50,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the dead letters, the newest first."""
    answer = _ask(data_dir, "GET", f"/-/dead-letters?limit={limit}")
    if output is Output.JSON:
        print_json(answer)
        return
    if not answer["items"]:
        stdout().print("No dead letters: every event was delivered.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "STATE", "TRIGGER", "TYPE", "OBJECT", "ANSWER"):
        table.add_column(column)
    for letter in answer["items"]:
        table.add_row(*(Text(cell) for cell in _row(letter)))
    stdout().print(table)


@app.command("show", epilog=EXPLAINED)
def show_letter(letter: LetterArgument, *, data_dir: DataDirOption = None) -> None:
    """Print one dead letter with its event, as JSON."""
    print_json(_ask(data_dir, "GET", f"/-/dead-letters/{letter}"))


@app.command("replay", epilog=EXPLAINED)
def replay(
    letter: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="As `list` shows it.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Send all of them again, and do not wait.")] = False,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Send a dead letter to the trigger it failed at again, and wait for the outcome: exit code 1 if it fails."""
    if every == (letter is not None):
        raise typer.BadParameter("name one ID, or --all", param_hint="ID")
    path = "/-/dead-letters/replay" if every else f"/-/dead-letters/{letter}/replay?wait={_REPLAY_WAIT}"
    answer = _ask(data_dir, "POST", path)
    if output is Output.JSON:
        print_json(answer)
    elif every:
        stdout().print(f"sent again: {len(answer['replaying'])}, left alone: {len(answer['skipped'])}")
    else:
        stdout().print(f"dead letter {letter}: {answer['state']}")
    if not every and answer["state"] != "delivered":
        raise typer.Exit(1)


@app.command("delete", epilog=EXPLAINED)
def delete(letter: LetterArgument, *, data_dir: DataDirOption = None) -> None:
    """Forget a dead letter."""
    _ask(data_dir, "DELETE", f"/-/dead-letters/{letter}")


def _ask(data_dir: "Path | None", method: str, path: str) -> Any:
    import httpx  # noqa: PLC0415 - a fifth of the start-up time of commands that ask no broker

    url = running_sandbox(data_dir).blueprint.url(BROKER)
    try:
        response = httpx.request(method, f"{url}{path}", timeout=_REPLAY_WAIT + 10, trust_env=False)
    except httpx.HTTPError as error:
        raise Failure(f"the broker at {url} does not answer: see `infraforge status`", NOT_RUNNING) from error
    if not response.is_success:
        raise Failure(str(response.json().get("error", response.text)))
    return response.json() if response.content else None


def _row(letter: dict[str, Any]) -> tuple[str, ...]:
    event = letter["event"]
    name = "/".join(filter(None, (event.get("kind"), event.get("namespace"), event.get("name"))))
    answer = f"{letter['code']} {letter['error']}".strip()
    return letter["id"], letter["state"], letter["trigger"], event["type"], name, answer

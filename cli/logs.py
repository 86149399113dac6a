"""`infraforge logs`."""

from typing import Annotated

import typer
from rich.text import Text

from cli.exits import Failure
from cli.output import Output, print_json_line, stdout
from cli.parameters import DataDirOption, OutputOption, sandbox_at
from sandbox.supervisor.logs import follow, tail
from sandbox.supervisor.sandbox import ALL

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")


def logs(
    component: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(ALL)}. [default: all]", show_default=False)
    ] = None,
    *,
    follow_: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of each component.")] = 50,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print what the sandbox's processes logged, whether they run or not. With `-o json`, an object per line.

    Examples:

        infraforge logs application -f
        infraforge logs gitea -n 500
        infraforge logs -f                 # all of them, as they go
    """
    if component is not None and component not in ALL:
        raise typer.BadParameter(
            f"there is no component {component!r}; there are {', '.join(ALL)}", param_hint="COMPONENT"
        )
    directory = sandbox_at(data_dir).directory
    if not directory.exists:
        raise Failure(f"no sandbox was ever started in {directory.root}")
    names = ALL if component is None else (component,)
    for name in names:
        for line in tail(directory.log(name), lines):
            _print(name, line, component is None, output)
    if not follow_:
        return
    try:
        for name, line in follow({name: directory.log(name) for name in names}):
            _print(name, line, component is None, output)
    except KeyboardInterrupt:
        return


def _print(name: str, line: str, named: bool, output: Output) -> None:
    if output is Output.JSON:
        print_json_line({"component": name, "line": line})
        return
    prefix = (f"{name:>11} | ", _COLOURS[ALL.index(name) % len(_COLOURS)])
    stdout().print(Text.assemble(prefix, line) if named else Text(line), soft_wrap=True)

"""`infraforge`: the sandbox on one machine, and claims for those without kubectl."""

import sys
from typing import Final

import typer

from cli import adopt, apply, confirm, crds, demo, events, logs, promote, release, restore, rollback, sandbox
from cli.exits import EXPLAINED, INTERRUPTED, Failure
from cli.history import command as history
from cli.output import complain
from cli.plan import command as plan_command
from cli.reference import command as reference
from cli.why import command as why

_HELP: Final = """A small YAML claim becomes a deployed application, through Git.

`infraforge` runs the whole platform on this machine: the real functions and real Git, with stand-ins for what surrounds
them in a cluster. Neither Docker nor a cluster nor root is needed.

Try it:

    infraforge up --detach                           # start the sandbox
    infraforge apply -f deployments/ --wait          # claims travel to Git
    eval "$(infraforge status --export)"             # KUBECONFIG, for the next line
    kubectl get infraforge -A                        # the claims and where they are
    infraforge down                                  # stop; the state stays
"""

app = typer.Typer(
    name="infraforge",
    help=_HELP,
    epilog=EXPLAINED,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up", epilog=EXPLAINED)(sandbox.up)
app.command("down", epilog=EXPLAINED)(sandbox.down)
app.command("status", epilog=EXPLAINED)(sandbox.status)
app.command("apply", epilog=EXPLAINED)(apply.apply)
app.command("plan", cls=plan_command.Command, epilog=plan_command.EXPLAINED)(plan_command.plan)
app.command("why", cls=plan_command.Command, epilog=why.EXPLAINED)(why.why)
app.command("adopt", epilog=EXPLAINED)(adopt.adopt)
app.command("confirm", epilog=EXPLAINED)(confirm.confirm)
app.command("release", epilog=EXPLAINED)(release.release)
app.command("history", epilog=EXPLAINED)(history.history)
app.command("rollback", epilog=EXPLAINED)(rollback.rollback)
app.command("restore", epilog=EXPLAINED)(restore.restore)
app.command("promote", epilog=EXPLAINED)(promote.promote)
app.command("demo", epilog=EXPLAINED)(demo.demo)
app.command("crds", epilog=EXPLAINED)(crds.crds)
app.command("reference", epilog=EXPLAINED, hidden=True)(reference.reference)
app.command("logs", epilog=EXPLAINED)(logs.logs)
app.add_typer(events.app, name="events")


def main() -> None:
    """Run the command; a failure is one message on stderr and its exit code."""
    try:
        app()
    except Failure as failure:
        complain(str(failure))
        sys.exit(failure.code)
    except BrokenPipeError:
        sys.exit(INTERRUPTED)  # who read our output went away

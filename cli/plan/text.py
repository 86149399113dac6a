"""A plan for people at a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.plan.report import ClaimPlan, FileChange, ImageChange, ObjectChange, Report, counted
from cli.voltran import REPOSITORY

SHORT: Final = 12
SIGNS: Final = {"added": "+", "changed": "~", "removed": "-"}
_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}
_SIGN_COLOURS: Final = {"added": "green", "changed": "yellow", "removed": "red"}


def show(report: Report, console: Console, *, full: bool) -> None:
    """Print the summary first, and then claim after claim; with `full` also what comes or goes as a whole."""
    if report.claims:
        console.print(_table(report.claims))
    for plan in report.claims:
        for line in () if plan.is_silent else _claim(plan, full=full):
            console.print(line, soft_wrap=True)
    console.print()
    for note in report.notes:
        console.print(Text(f"note: {note}", style="dim"), soft_wrap=True)
    for fault in report.errors:
        console.print(_error(str(fault)), soft_wrap=True)
    if told := base(report):
        console.print(Text(told, style="dim"))
    console.print(Text(verdict(report), style="bold"), soft_wrap=True)


def verdict(report: Report) -> str:
    """The last line."""
    wrong = len(report.errors) + sum(len(one.errors) for one in report.claims)
    files = [one for plan in report.claims for one in plan.files]
    objects = [one for plan in report.claims for one in plan.objects]
    parts = [f"{what}: {counts(changes)}" for what, changes in (("files", files), ("objects", objects)) if changes]
    waits = any(one.prunes for one in report.claims)
    nothing = (
        "Nothing would go at once" if waits else "Nothing can be said of changes" if wrong else "Nothing would change"
    )
    told = ", ".join(parts) or nothing
    told += "; some of it waits for a confirmation" if any(one.confirmation for one in report.claims) else ""
    return told + (f"; {counted_word(wrong, 'error')}" if wrong else "") + "."


def counted_word(number: int, word: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def base(report: Report) -> str | None:
    """The commit that the plan is held against, for people."""
    return f"Against {REPOSITORY} at {report.against.commit[:SHORT]}." if report.against.commit else None


def _table(plans: Sequence[ClaimPlan]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("CLAIM", "FILES", "OBJECTS", "IMAGES", "PRUNED", "ERRORS"):
        table.add_column(column, no_wrap=column != "IMAGES")
    for plan in plans:
        table.add_row(
            Text(str(plan)),
            counts(plan.files),
            counts(plan.objects),
            Text("\n".join(map(tags, plan.images)) or "-"),
            str(len(plan.prunes) or "-"),
            Text(str(len(plan.errors) or "-"), style="bold red" if plan.errors else ""),
        )
    return table


def tags(image: ImageChange) -> str:
    """An image's change in a few words: tags alone where the repository stays."""
    before, after = image.before, image.after
    if before and after and before.partition("@")[0].rpartition(":")[0] == after.partition("@")[0].rpartition(":")[0]:
        cut = len(before.partition("@")[0].rpartition(":")[0]) + 1
        before, after = before[cut:], after[cut:]
    return f"{image.application}: {before or 'none'} → {after or 'none'}"


def counts(changes: Sequence[FileChange] | Sequence[ObjectChange]) -> str:
    """How many are added, changed and removed, in signs."""
    added, changed, removed = counted(changes)
    parts = [f"{sign}{count}" for sign, count in (("+", added), ("~", changed), ("-", removed)) if count]
    return " ".join(parts) or "-"


def _claim(plan: ClaimPlan, *, full: bool) -> Iterator[Text]:
    yield Text("")
    told = "; ".join(filter(None, [plan.origin, plan.claim, plan.place]))
    yield Text(f"{plan}  ({printable(told)})", style="bold")
    for fault in plan.errors:
        yield _error(str(fault))
    if plan.confirmation:
        yield Text(f"  held: {plan.confirmation.message}", style="yellow")
    for note in plan.notes:
        yield Text(f"  note: {note}", style="dim")
    for pruned in plan.prunes:
        held = " once it is confirmed" if pruned.held else ""
        whose = ", which no claim put there" if pruned.strange else ""
        yield Text(f"  would be removed{held}: {pruned}{whose}", style="red")
    for file in plan.files:
        held = "  (once it is confirmed)" if file.held else ""
        yield Text(f"  {SIGNS[file.change]} {file.path}{held}", style=_SIGN_COLOURS[file.change])
        yield from _diff(file.diff, file.hidden) if full or file.change != "removed" else ()
    for one in plan.objects:
        yield Text(f"  {SIGNS[one.change]} {titled(one)}", style=_SIGN_COLOURS[one.change])
        yield from _diff(one.diff, None) if full or one.change == "changed" else ()


def titled(one: ObjectChange) -> str:
    """An object in a line."""
    place = f"{one.namespace}/" if one.namespace else ""
    told = [f"stays: {one.kept}"] if one.kept else []
    told += ["once it is confirmed"] if one.held else []
    told += [f"Kubernetes refuses to change {one.refused}: the sync would fail"] if one.refused else []
    more = f"  ({'; '.join(told)})" if told else ""
    return f"{one.kind} {place}{one.name}, of {one.application}{more}"


def _diff(diff: str, hidden: str | None) -> Iterator[Text]:
    if hidden is not None:
        yield Text(f"      not shown: {hidden}", style="dim")
    for line in diff.removesuffix("\n").split("\n") if diff else ():
        if not line.startswith(("--- ", "+++ ")):
            yield Text(f"      {printable(line)}", style=_COLOURS.get(line[:1], ""))


def printable(line: str) -> str:
    """The line without what would move a terminal's cursor or turn its text around."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in line)


def _error(message: str) -> Text:
    return Text.assemble(("  error: ", "bold red"), printable(" ".join(message.split())))

"""A plan ready to paste into a pull request: GitHub's and Gitea's Markdown.

Whatever a claim, a file or a chart says stands in a fence that is longer than any in it, or has its marks written as
entities: it can neither leave its place nor mention anybody.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from cli.plan.report import ClaimPlan, FileChange, ObjectChange, Report
from cli.plan.text import SIGNS, base, counted_word, counts, printable, tags, titled, verdict

LIMIT: Final = 60_000
"""Characters: GitHub takes 65,536 in one comment."""

_FOLDING: Final = 200
"""Characters around what is folded."""
_MARKS: Final = re.compile(r"[&<>`*_\[\]|@#\\~!$]")


def markdown(report: Report) -> str:
    """Everything that fits; what is too long is left to whoever runs the command."""
    parts = ["## InfraForge plan\n", f"**{plain(verdict(report))}**\n"]
    if told := base(report):
        parts.append(f"{plain(told)}\n")
    if report.claims:
        parts.append("\n".join(_table(report)) + "\n")
    parts += [f"- :x: {plain(str(fault))}\n" for fault in report.errors]
    parts += [f"- {plain(note)}\n" for note in report.notes]
    told_of = [plan for plan in report.claims if not plan.is_silent]
    heads = [list(_head(plan)) for plan in told_of]
    room = LIMIT - sum(map(len, parts)) - sum(len(line) + 1 for head in heads for line in head)
    for plan, head in zip(told_of, heads, strict=True):
        parts += head
        for title, blocks in _details(plan):
            fitting = _fitting(blocks, room)
            room -= sum(map(len, fitting)) + _FOLDING
            left = len(blocks) - len(fitting)
            more = [f"_{left} more, too long to be shown here: run `infraforge plan`._\n"] if left else []
            parts.append("\n".join((f"<details><summary>{title}</summary>\n", *fitting, *more, "</details>\n")))
    return "\n".join(parts)


def _fitting(blocks: Sequence[str], room: int) -> list[str]:
    """The first of them that fit, all together."""
    found: list[str] = []
    for block in blocks:
        room -= len(block) + 1
        if room < 0:
            break
        found.append(block)
    return found


def plain(text: str) -> str:
    """Text that means nothing but itself, on one line."""
    line = printable(" ".join(text.split()))
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", line).replace("://", "&#58;//")


def fenced(text: str, language: str = "") -> str:
    """A code block that `text` cannot end."""
    longest = max((len(match) for match in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"


def _table(report: Report) -> Iterator[str]:
    yield "| Claim | Files | Objects | Images | Pruned | Errors |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for plan in report.claims:
        images = "<br>".join(plain(tags(image)) for image in plan.images)
        cells = [plain(str(plan)), counts(plan.files), counts(plan.objects), images, len(plan.prunes), len(plan.errors)]
        yield "| " + " | ".join(str(cell or "-") for cell in cells) + " |"


def _head(plan: ClaimPlan) -> Iterator[str]:
    yield f"### {plain(str(plan))}\n"
    yield f"{plain(', '.join(filter(None, [plan.origin, plan.claim, plan.place])))}\n"
    for fault in plan.errors:
        yield f"- :x: {plain(str(fault))}"
    if plan.confirmation:
        yield f"- :hand: held: {plain(plan.confirmation.message)}"
    for pruned in plan.prunes:
        held = " once it is confirmed" if pruned.held else ""
        whose = ", which no claim put there" if pruned.strange else ""
        yield f"- :wastebasket: would be removed{held}: {plain(str(pruned))}{whose}"
    for note in plan.notes:
        yield f"- {plain(note)}"
    yield ""


def _details(plan: ClaimPlan) -> Iterator[tuple[str, list[str]]]:
    if plan.files:
        yield f"{counted_word(len(plan.files), 'file')} in voltran", [_file(one) for one in plan.files]
    if plan.objects:
        yield f"{counted_word(len(plan.objects), 'object')} in the cluster", [_object(one) for one in plan.objects]


def _file(one: FileChange) -> str:
    held = " (once it is confirmed)" if one.held else ""
    title = f"{SIGNS[one.change]} {plain(one.path)}{held}"
    return _block(title, f"not shown: {one.hidden}" if one.hidden else one.diff)


def _object(one: ObjectChange) -> str:
    return _block(f"{SIGNS[one.change]} {plain(titled(one))}", one.diff)


def _block(title: str, diff: str) -> str:
    shown = "\n".join(printable(line) for line in diff.split("\n"))
    return f"`{title[0]}`{title[1:]}\n\n{fenced(shown, 'diff')}\n" if diff else f"`{title[0]}`{title[1:]}\n"

"""The few forms of Markdown that the reference consists of."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated: `infraforge reference --write docs/reference`. Do not edit. -->"


def page(title: str, *parts: str) -> str:
    """A page with its title and parts, a blank line between them."""
    return "\n\n".join([NOTE, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell is Markdown on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def text(value: str) -> str:
    """`value` as it stands: an angle bracket is no tag."""
    return value.replace("<", "&lt;")


def code(value: object) -> str:
    """`value` as code; nothing for None."""
    return f"`{value}`" if value not in (None, "") else ""


def _cell(content: str) -> str:
    return " ".join(content.split()).replace("|", "\\|")

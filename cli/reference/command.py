"""`infraforge reference`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Failure
from cli.output import stderr

if TYPE_CHECKING:
    from shared.settings import Serving


def reference(
    *,
    write: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the pages.")] = None,
    check: Annotated[Path | None, typer.Option(metavar="DIR", help="Fail when the pages there are not these.")] = None,
) -> None:
    """Print the reference of claims, conditions, settings and metrics, or write it as docs/reference is.

    Examples:

        infraforge reference --write docs/reference
        infraforge reference --check docs/reference
    """
    pages = _pages()
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (write / name).write_text(text, encoding="utf-8")
            stderr().print(f"wrote {write / name}")
    elif check is not None:
        stale = [name for name, text in pages.items() if _content(check / name) != text]
        if stale:
            raise Failure(
                f"{', '.join(stale)} in {check} differ from the code: run `infraforge reference --write {check}`"
            )
    else:
        typer.echo("\n".join(pages.values()), nl=False)


def _pages() -> Mapping[str, str]:
    from cli.reference import claims, conditions, metrics, settings  # noqa: PLC0415 - a page costs what no other command need pay
    from functions.application.settings import ApplicationSettings  # noqa: PLC0415 - a page costs what no other command need pay
    from functions.bootstrap.settings import BootstrapSettings  # noqa: PLC0415 - a page costs what no other command need pay
    from functions.deadletters.settings import DeadLettersSettings  # noqa: PLC0415 - a page costs what no other command need pay
    from functions.platform.settings import PlatformSettings  # noqa: PLC0415 - a page costs what no other command need pay
    from shared.claims import crd  # noqa: PLC0415 - a page costs what no other command need pay

    functions: dict[str, type[Serving]] = {
        "bootstrap": BootstrapSettings,
        "application": ApplicationSettings,
        "platform": PlatformSettings,
        "deadletters": DeadLettersSettings,
    }
    return {
        "claims.md": claims.render(crd.manifests()),
        "conditions.md": conditions.render(),
        "settings.md": settings.render(functions),
        "metrics.md": metrics.render(),
    }


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None

"""Every setting of every function, from the classes that read them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cli.reference.markdown import code, page, table
from shared.settings import Serving

_HEADER: Final = ("variable", "default", "what it is")
_DERIVED: Final = {
    "gitea_endpoint": "`INFRAFORGE_GITEA_URL`",
    "charts_dir": "in the image",
    "platform_charts_dir": "in the image",
}


def render(functions: Mapping[str, type[Serving]]) -> str:
    """The page about all of them; `functions` are the classes by the function's name."""
    shared = set.intersection(*(set(one.model_fields) for one in functions.values()))
    some = next(iter(functions.values()))
    parts = [
        "A function reads its environment once, when it starts, and nothing else does. The Helm chart sets these from "
        "its `settings` ([knative/README.md](../../knative/README.md)). An empty variable is one that is not set; "
        "collections are JSON. A wrong one is named, with its mend and without its value, in the function's log.",
        "## All functions",
        table(_HEADER, _rows(some, shared)),
    ]
    for name, one in functions.items():
        own = set(one.model_fields) - shared
        if own:
            parts += [f"## {name}", table(_HEADER, _rows(one, own))]
    parts.append(
        "`PORT` and `THREADS` are functions-framework's: where it listens, and how many requests it answers at once. "
        "`THREADS` is above `INFRAFORGE_MAX_WAITING`, so that a probe is answered also when all places are taken."
    )
    return page("Settings", *parts)


def _rows(settings: type[Serving], names: set[str]) -> Iterator[tuple[str, str, str]]:
    for name, field in settings.model_fields.items():
        if name in names:
            yield code(f"INFRAFORGE_{name.upper()}"), _default(name, field), field.description or ""


def _default(name: str, field: FieldInfo) -> str:
    derived = _DERIVED.get(name)
    if derived:
        return derived
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    return "" if value in (None, PydanticUndefined) else code(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, frozenset | tuple | dict | bool):
        return json.dumps(sorted(value) if isinstance(value, frozenset) else value)
    return value.as_posix() if isinstance(value, Path) else str(value)

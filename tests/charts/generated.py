"""What is generated of each application chart: its values.schema.json and its README.md.

The schema is the part of the library's schema.json that the chart's values.yaml names; the README is its values with
the comments above them, their defaults and what the schema allows.

    python -m tests.charts.generated --check | --write
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

CHARTS = Path(__file__).parents[2] / "charts"
OPTIONAL = frozenset({"startupProbe", "readinessProbe", "livenessProbe"})
"""Helm drops a key whose value is null; the templates do without these, and need the others."""


@dataclass(frozen=True)
class Value:
    """One value of a chart: its path, its default as JSON or None for a map of values, and the comment above it."""

    path: tuple[str, ...]
    default: str | None
    description: str


def schema(chart: Path) -> str:
    """The values.schema.json of `chart`. Raises KeyError for a value that the library does not know."""
    library: Schema = json.loads((chart.parent / "library" / "schema.json").read_text())
    values: dict[str, set[str]] = {}
    for value in values_of(chart):
        values.setdefault(value.path[0], set()).update(value.path[1:2])
    # Helm adds `global`, and a dependency's values under its name; both stay as Helm made them.
    nothing = {"type": "object", "maxProperties": 0}
    properties: Schema = {name: _used(library["properties"][name], listed) for name, listed in values.items()} | {
        "global": nothing,
        "library": {"type": "object", "additionalProperties": False, "properties": {"global": True}},
    }
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in values if name not in OPTIONAL],
        "properties": properties,
        "$defs": {name: library["$defs"][name] for name in sorted(_definitions(properties, library["$defs"]))},
    }
    return json.dumps(made, indent=2) + "\n"


def readme(chart: Path) -> str:
    """The README.md of `chart`."""
    manifest = yaml.safe_load((chart / "Chart.yaml").read_text())
    made = json.loads(schema(chart))
    rows = [
        f"| `{'.'.join(value.path)}` | {_code(value.default)} | {_allowed(_at(made, value.path), made)} "
        f"| {value.description} |"
        for value in values_of(chart)
    ]
    example = {
        "name": f"my-{manifest['name']}",
        "chart": {"name": manifest["name"], "source": "embedded"},
        "image": {"repository": f"ghcr.io/infraforge/{manifest['name']}", "tag": manifest["appVersion"]},
        "values": {"schedule": "30 2 * * *"} if "schedule" in made["properties"] else {"replicas": 2},
    }
    objects = sorted(path.stem for path in (chart / "templates").glob("*.yaml"))
    return "\n".join(
        [
            f"# {manifest['name']}",
            "",
            "<!-- Generated from values.yaml: edit it, then `python -m tests.charts.generated --write`. -->",
            "",
            manifest["description"],
            "",
            "In an ApplicationClaim:",
            "",
            "```yaml",
            yaml.safe_dump({"applications": [example]}, sort_keys=False).rstrip(),
            "```",
            "",
            f"Its templates, each one line that calls the library chart: {', '.join(f'`{name}`' for name in objects)}.",
            "",
            "## Values",
            "",
            "| value | default | allowed | |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def values_of(chart: Path) -> list[Value]:
    """Every value of the chart's values.yaml, in its order."""
    text = (chart / "values.yaml").read_text()
    return list(_values(yaml.compose(text, yaml.CSafeLoader), text.splitlines(), ()))


def files(chart: Path) -> dict[Path, str]:
    """Path → content of what is generated of `chart`."""
    return {chart / "values.schema.json": schema(chart), chart / "README.md": readme(chart)}


def application_charts(directory: Path) -> list[Path]:
    """The folder of every chart that the library serves."""
    return [path.parent for path in sorted(directory.glob("*/Chart.yaml")) if path.parent.name != "library"]


def _used(part: Schema, listed: set[str]) -> Schema:
    """What the library takes for a value, less the keys that values.yaml leaves out where it lists them."""
    if not listed:
        return part
    return part | {"properties": {key: value for key, value in part["properties"].items() if key in listed}}


def _values(node: Any, lines: list[str], path: tuple[str, ...]) -> Iterator[Value]:
    for key, child in node.value:
        here = (*path, key.value)
        inside = isinstance(child, yaml.MappingNode) and any(_comment(inner, lines) for inner, _ in child.value)
        description = _comment(key, lines)
        if description or not inside:
            default = yaml.load(yaml.serialize(child, Dumper=yaml.CSafeDumper), yaml.CSafeLoader)
            yield Value(here, None if inside else json.dumps(default, ensure_ascii=False), description)
        if inside:
            yield from _values(child, lines, here)


def _comment(key: Any, lines: list[str]) -> str:
    """The comment that ends in the line above `key`."""
    found: list[str] = []
    number = key.start_mark.line - 1
    while number >= 0 and lines[number].strip().startswith("#"):
        found.insert(0, lines[number].strip().lstrip("#").strip())
        number -= 1
    return " ".join(found)


def _definitions(schema_part: Any, definitions: Schema) -> set[str]:
    """The names of all definitions that `schema_part` refers to, itself or through others."""
    if isinstance(schema_part, list):
        return {name for item in schema_part for name in _definitions(item, definitions)}
    if not isinstance(schema_part, dict):
        return set()
    found = {name for item in schema_part.values() for name in _definitions(item, definitions)}
    if "$ref" in schema_part:
        name = schema_part["$ref"].removeprefix("#/$defs/")
        found |= {name} | _definitions(definitions[name], definitions)
    return found


def _at(made: Schema, path: tuple[str, ...]) -> Schema:
    part = made
    for step in path:
        part = _resolved(part, made)["properties"][step]
    return _resolved(part, made)


def _resolved(part: Schema, made: Schema) -> Schema:
    return made["$defs"][part["$ref"].removeprefix("#/$defs/")] if "$ref" in part else part


def _allowed(part: Schema, made: Schema) -> str:
    """What a person reads of a schema: its type with its bounds, or its words."""
    if "anyOf" in part:
        return " or ".join(_allowed(_resolved(choice, made), made) for choice in part["anyOf"])
    if "enum" in part:
        return ", ".join(f"`{word}`" for word in part["enum"])
    if "minimum" in part and "maximum" in part:
        return f"{part['type']}, {part['minimum']} to {part['maximum']}"
    if part.get("pattern", "").endswith("%$"):
        return "percentage"
    words = {"object": "map", "array": "list", "boolean": "`true`, `false`"}
    kind: str = part["type"]
    return words.get(kind, kind)


def _code(text: str | None) -> str:
    return "" if text is None else f"`{text}`".replace("|", "\\|")


def main(arguments: list[str], directory: Path = CHARTS) -> int:
    """Write the files of the charts in `directory`, or say which are stale. The exit status: 1 where one is."""
    parser = argparse.ArgumentParser(description="Schemas and READMEs of the application charts.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say which are stale")
    what.add_argument("--write", action="store_true", help="write those that are stale")
    options = parser.parse_args(arguments)
    wanted = {path: text for chart in application_charts(directory) for path, text in files(chart).items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if options.write:
            path.write_text(wanted[path])
        print(f"{'wrote' if options.write else 'stale:'} {path.relative_to(directory.parent)}")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The Dockerfile as data: its stages, and what of the repository a build may read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
IMAGES = {
    "bootstrap": ("bootstrap", "deadletters"),
    "application": ("application",),
    "platform": ("platform",),
}
"""Target → the functions whose code is in its image."""
EVERYWHERE = ("charts", "platform-charts", "shared", "functions/__init__.py")
"""What every image has of the repository."""


@dataclass(frozen=True)
class Stage:
    """One `FROM … AS name` with its instructions, as (keyword, arguments)."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, keyword: str) -> list[str]:
        return [arguments for word, arguments in self.instructions if word == keyword]


def read(text: str) -> tuple[dict[str, str], dict[str, Stage]]:
    """The arguments before the first stage with their defaults, and the stages by name, in their order."""
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr] # another FROM fails
            stages[name] = Stage(name, base, ())
        elif not stages:
            name, _, default = rest.partition("=")
            arguments[name] = default
        else:
            last = stages[next(reversed(stages))]
            stages[last.name] = Stage(last.name, last.base, (*last.instructions, (keyword, rest)))
    return arguments, stages


def lineage(stages: dict[str, Stage], target: str) -> list[Stage]:
    """The stages that `target` is built from, the first base first; what is only copied from is not among them."""
    found = [stages[target]]
    while found[0].base in stages:
        found.insert(0, stages[found[0].base])
    return found


def copied(stages: dict[str, Stage], target: str) -> Iterator[tuple[str, PurePosixPath, PurePosixPath]]:
    """Every (stage, source, destination below /app or absolute) that a COPY --from of `target`'s lineage names."""
    for stage in lineage(stages, target):
        for arguments in stage.all("COPY"):
            words = arguments.split()
            if words[0].startswith("--from="):
                yield words[0].removeprefix("--from="), PurePosixPath(words[1]), PurePosixPath(words[2])


def entry_point(stages: dict[str, Stage], target: str) -> list[str]:
    found = [one for stage in lineage(stages, target) for one in stage.all("ENTRYPOINT")]
    command: list[str] = json.loads(found[-1])
    return command


def ignored(patterns: str, path: str) -> bool:
    """Whether a .dockerignore keeps `path` out: the last pattern that matches it, or a folder above it, decides."""
    out = False
    for line in patterns.splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            keep = pattern.startswith("!")
            expression = _expression(pattern.removeprefix("!"))
            folders = [str(one) for one in (PurePosixPath(path), *PurePosixPath(path).parents)][:-1]
            if any(expression.fullmatch(one) for one in folders):
                out = not keep
    return out


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*|\?|\[[^]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(part, part if part.startswith("[") else re.escape(part)) for part in parts))


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for whole in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if whole.strip():
            keyword, _, rest = whole.strip().partition(" ")
            yield keyword, rest.strip()

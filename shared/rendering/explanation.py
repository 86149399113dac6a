"""Helm's message, told in the terms of the claim whose values it is about. Pure.

::

    values don't meet the specifications of the schema(s) in the following chart(s):
    web-service:
    - at '/replicas': maximum: got 5,000, want 100

becomes `applications[0].values.replicas: 5000 is above 100 (helm: at '/replicas': maximum: got 5,000, want 100)`.
"""

import re
from typing import Final

from shared import leaks
from shared.rendering.places import Place, Values, dotted
from shared.rendering.problems import Problem, failures, problems
from shared.wording import listed

MAX_PROBLEMS: Final = 5
MAX_REASON: Final = 200
MAX_TOLD: Final = 600
MAX_HELM: Final = 240

SCHEMA: Final = "values don't meet the specifications of the schema(s) in the following chart(s):"

_SAID: Final = re.compile(r"execution error at \([^()]*\): (.*)", re.DOTALL)
_FAILED: Final = re.compile(r"<([^<>]*)>(?=: )|at <([^<>]*)>:")
_VALUE: Final = re.compile(r"\.Values((?:\.[A-Za-z_]\w*)+)")
_NIL: Final = re.compile(r"nil pointer evaluating [^.]*(?:\{\})?\.(\w+)")
_NO_MAP: Final = re.compile(r"can't evaluate field (\w+) in type")
_LOCATION: Final = re.compile(r"\([^()\s]*/templates/[^()\s]*\)|[\w./-]*templates/[\w./-]+(?::\d+){0,2}")


def explain(said: str, chart: str, values: Values) -> str:
    """What to tell the claim's author of Helm's message `said` about the chart whose Chart.yaml calls it `chart`.

    Bounded, without template locations but in what stands behind `helm:`, and without anything that looks like a
    credential.
    """
    told = listed([_told(problem, values) for problem in _problems(said, chart, values)], MAX_PROBLEMS, "; ")
    return _with_helm(_bounded(told, MAX_TOLD), said, values)


def fault(reason: str, values: Values, said: str = "") -> str:
    """What to tell of a chart that is no good whatever the values are."""
    return _with_helm(_bounded(f"{values.chart()}: {reason}", MAX_TOLD), said, values)


def _problems(said: str, chart: str, values: Values) -> list[Problem | str]:
    """The problems, or a text of our own where there is no place among the values."""
    if said.startswith(SCHEMA):
        found = _of_schemas(said, chart, values)
        return [*found] or [f"{values.chart()}: its values.schema.json cannot be used"]
    execution = _SAID.search(said)
    if execution is not None and said.startswith("execution error"):
        return [_of_library(execution[1].strip(), values)]
    if said.startswith("parse error"):
        return [f"{values.chart()}: its templates cannot be read"]
    return [_of_template(said, values)]


def _of_schemas(said: str, chart: str, values: Values) -> list[Problem]:
    """Each chart's lines follow its name and a colon; a dependency's values stand under its name."""
    found: list[Problem] = []
    root: Place = ()
    lines: list[str] = []
    for line in [*said.splitlines()[1:], ":"]:
        if line.endswith(":") and not line.lstrip().startswith("- at "):
            found += [one for failure in failures(lines, root) for one in problems(failure, values)]
            name, lines = line[:-1], []
            root = () if name == chart else (name,)
        else:
            lines.append(line)
    return list(dict.fromkeys(found))


def _of_library(text: str, values: Values) -> Problem | str:
    """What a chart says with `fail` or `required`. Ours begin with the place."""
    place, rest = dotted(text)
    if place and values.knows(place[0]) and (len(place) > 1 or rest.startswith((":", " "))):
        return f"{values.name(place)}{_bounded(rest, MAX_REASON)}"
    return f"{values.name(())}: {_bounded(_LOCATION.sub('…', text), MAX_REASON)}"


def _of_template(said: str, values: Values) -> Problem | str:
    """A template that trips over a value: which, as far as the action tells that failed."""
    actions = [found[1] or found[2] for found in _FAILED.finditer(said)]
    named = [found[1] for action in actions for found in _VALUE.finditer(action)]
    if not named:
        return f"{values.chart()}: it does not render"
    place: Place = tuple(named[-1].split(".")[1:])
    if (nil := _NIL.search(said)) and nil[1] in place:
        place = place[: place.index(nil[1]) + 1]
        return Problem(place, "is missing, and the chart's templates need it", quotes=False)
    if (no_map := _NO_MAP.search(said)) and no_map[1] in place:
        return Problem(place[: place.index(no_map[1])], "is not a map, as the chart's templates need it")
    return Problem(place, "makes the chart's templates fail")


def _told(problem: Problem | str, values: Values) -> str:
    if isinstance(problem, str):
        return problem
    value = values.shown(problem.place) if problem.quotes else None
    return f"{values.name(problem.place)}: {f'{value} ' if value else ''}{_bounded(problem.reason, MAX_REASON)}"


def _with_helm(told: str, said: str, values: Values) -> str:
    """Both, where neither gives a credential away; a value that may be one keeps Helm's words back altogether."""
    behind = " ".join(said.removeprefix(SCHEMA).split())
    for secret in values.secrets:
        told = told.replace(str(secret), "…")
    if leaks.find({"message": told}):
        told = f"{values.name(())}: the chart refuses what looks like a credential, so Helm's words are not shown"
    if not behind or values.secrets or leaks.find({"message": behind}):
        return told
    return f"{told} (helm: {_bounded(behind, MAX_HELM)})"


def _bounded(text: str, most: int) -> str:
    line = " ".join(text.split()) if "\n" in text else text
    return line if len(line) <= most else line[: most - 1] + "…"

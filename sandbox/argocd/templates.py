"""Go templates of ApplicationSets, executed by Go's own engine, which comes with Helm (and sprig with it).

Helm executes every template with `missingkey=zero`. Where a set says `missingkey=error`, a guard is put before each
action: it fails when a field that the action names is not in its map. An `else if` has no place for one.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sandbox.argocd.api import Json
from shared.helm import Engine, RenderFailed

STRICT: Final = "missingkey=error"

_CHART: Final = {
    "Chart.yaml": b"apiVersion: v2\nname: set\nversion: 0.1.0\n",
    "templates/set.yaml": b"{{ range .Values.jobs }}{{ tpl .template .params | toJson }}\n{{ end }}",
}
_ACTION: Final = re.compile(
    r"\{\{(?P<trim>-(?=\s))?(?P<body>(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?!\}\}).)*)\}\}", re.DOTALL
)
_LITERAL: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`|/\*.*?\*/", re.DOTALL)
_FIELDS: Final = re.compile(r"(?<![\w.)$])(?:\.[A-Za-z_]\w*)+")
_UNGUARDED: Final = re.compile(r"\s*-?\s*(?:else|end|define|block|template|break|continue|/\*)")
_MISSING: Final = "missing-key:"
_MISSED: Final = re.compile(rf"execution error at \([^)]*\): {_MISSING}(?P<where>.*)")
"""How Helm reports that a guard called `fail`."""
_QUOTED: Final = 20
_ENGINES_OWN: Final = re.compile(r"template: gotpl:(?P<rest>.*)", re.DOTALL)


class TemplateFailed(Exception):
    """A template does not parse or execute; the text is ArgoCD's."""


class Templates:
    """Executes templates. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def execute(self, jobs: Sequence[tuple[str, Mapping[str, Any]]], options: Sequence[str]) -> list[str]:
        """The text that each template gives with its parameters. Raises `TemplateFailed` for the first that fails."""
        strict = STRICT in options
        guarded = {template: guard(template) if strict else template for template, _ in jobs}
        wanted = [(template, guarded[template], params) for template, params in jobs if "{{" in template]
        if not wanted:
            return [template for template, _ in jobs]
        try:
            texts = iter(self._run([(text, params) for _, text, params in wanted]))
        except RenderFailed:
            for template, text, params in wanted:
                self._explain(template, text, params)
            raise
        return [next(texts) if "{{" in template else template for template, _ in jobs]

    def _run(self, jobs: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
        values = {"jobs": [{"template": template, "params": dict(params)} for template, params in jobs]}
        rendered = self._engine.render(_CHART, release="set", namespace="argocd", values=values)
        return [json.loads(line) for line in rendered.splitlines() if line.startswith('"')]

    def _explain(self, template: str, guarded: str, params: Mapping[str, Any]) -> None:
        """Raise what ArgoCD says of this template, if it is the one that fails."""
        for text in dict.fromkeys((guarded, template)):
            try:
                self._run([(text, params)])
            except RenderFailed as error:
                message = str(error)
            else:
                continue
            if found := _MISSED.match(message):
                where = found["where"]
                raise TemplateFailed(f"failed to execute go template {template}: template: base:{where}")
            if text == template:
                raise TemplateFailed(_told(template, message))


def guard(template: str) -> str:
    """The template with a guard before each action that names fields of the parameters."""

    def guarded(match: re.Match[str]) -> str:
        if _UNGUARDED.match(match["body"]):
            return match[0]
        return "".join(_guards(template, match)) + match[0]

    return _ACTION.sub(guarded, template)


def _guards(template: str, action: re.Match[str]) -> Iterator[str]:
    body = _LITERAL.sub(lambda match: " " * len(match[0]), action["body"])
    begin = "{{- " if action["trim"] else "{{ "
    for chain in _FIELDS.finditer(body):
        names = chain[0][1:].split(".")
        at = action.start("body") + chain.start()
        # Go counts a chain of fields from its second one, and a single field from its dot.
        position = at + (len(names[0]) + 1 if len(names) > 1 else 0)
        for depth, name in enumerate(names):
            holder = "." + ".".join(names[:depth]) if depth else "."
            there = [f'(kindIs "map" {_prefix(names, upto)})' for upto in range(depth + 1)]
            known = [f'(hasKey {_prefix(names, upto)} "{names[upto]}")' for upto in range(depth)]
            checks = [
                check
                for pair in zip(there, [*known, f'(not (hasKey {holder} "{name}"))'], strict=True)
                for check in pair
            ]
            words = json.dumps(f"{_MISSING}{_position(template, position)}: {_context(chain[0], name)}")
            yield f"{begin}if and {' '.join(checks)} }}}}{{{{ fail {words} }}}}{{{{ end }}}}"


def _prefix(names: Sequence[str], depth: int) -> str:
    return "." + ".".join(names[:depth]) if depth else "."


def _position(template: str, offset: int) -> str:
    """Line and column as Go's templates count them (text/template/parse: ErrorContext)."""
    before = template[:offset]
    return f"{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1)}"


def _context(chain: str, name: str) -> str:
    shown = chain if len(chain) <= _QUOTED else f"{chain[:_QUOTED]}..."
    return f'executing "base" at <{shown}>: map has no entry for key "{name}"'


def _told(template: str, message: str) -> str:
    """Helm's message with ArgoCD's name for the template, and without the template that ours is called from."""
    found = _ENGINES_OWN.search(message)
    said = f"template: base:{found['rest']}" if found else message
    said = said.replace('executing "gotpl"', 'executing "base"')
    verb = "parse template" if "cannot parse template" in message else "execute go template"
    return f"failed to {verb} {template}: {said}"


def strings(value: Any) -> Iterator[str]:
    """Every string of a document, keys too, in one order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def refill(value: Any, texts: Iterator[str]) -> Any:
    """The document with its strings, in the order of `strings`, replaced by `texts`."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        filled: Json = {}
        for item in value.values():
            key = next(texts)
            filled[key] = refill(item, texts)
        return filled
    if isinstance(value, list):
        return [refill(item, texts) for item in value]
    return value

"""Every field of every kind, from the definitions that the API server gets."""

from collections.abc import Iterator
from typing import Any, Final

from cli.reference.markdown import code, page, table, text

_Schema = dict[str, Any]
_BOUNDS: Final = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
    ("maxProperties", "at most {} keys"),
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
)
_HEADER: Final = ("field", "type", "", "what it is")


def render(manifests: list[_Schema]) -> str:
    """The page about all kinds. `manifests` are CustomResourceDefinitions with one version each."""
    return page(
        "Claims",
        "Every kind is `platform.infraforge.io/v1alpha1` and namespaced. A field that is not listed is refused by "
        "`kubectl apply` (strict validation), not dropped. `[]` is a list, `{}` a map.",
        *(_kind(one) for one in manifests),
    )


def _kind(manifest: _Schema) -> str:
    names, version = manifest["spec"]["names"], manifest["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    short = ", ".join(code(name) for name in names.get("shortNames", ()))
    parts = [
        f"## {names['kind']}",
        f"{schema['description']} Short name: {short}.",
        table(_HEADER, _rows(schema["properties"]["spec"], "spec")),
    ]
    rules = list(_rules(schema["properties"]["spec"], "spec"))
    if rules:
        parts += ["Rules that the API server checks beside these:", "\n".join(f"- {rule}" for rule in rules)]
    if "status" in schema["properties"]:
        parts += [f"### {names['kind']} status", table(_HEADER, _rows(schema["properties"]["status"], "status"))]
    return "\n\n".join(parts)


def _rows(schema: _Schema, path: str) -> Iterator[tuple[str, str, str, str]]:
    """The fields below `path`, each before what is in it."""
    required = set(schema.get("required", ()))
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield code(here), _type(child), _notes(child, is_required=name in required), text(child.get("description", ""))
        yield from _rows(*_inner(child, here))


def _inner(schema: _Schema, path: str) -> tuple[_Schema, str]:
    if "items" in schema:
        return _inner(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        return _inner(schema["additionalProperties"], f"{path}{{}}")
    return schema, path


def _type(schema: _Schema) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "enum" in schema:
        return " or ".join(code(one) for one in schema["enum"])
    return str(schema.get("type", "any"))


def _notes(schema: _Schema, *, is_required: bool) -> str:
    notes = ["required"] if is_required else []
    if "default" in schema:
        notes.append(f"default {code(schema['default'])}")
    notes += [words.format(schema[keyword]) for keyword, words in _BOUNDS if keyword in schema]
    if "pattern" in schema:
        notes.append(f"matches {code(schema['pattern'])}")
    return ", ".join(notes)


def _rules(schema: _Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"{code(path)}: {text(rule.get('message', rule['rule']))}"
    for name, child in schema.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}")
    for child, mark in ((schema.get("items"), "[]"), (schema.get("additionalProperties"), "{}")):
        if isinstance(child, dict):
            yield from _rules(child, f"{path}{mark}")

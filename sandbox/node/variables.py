"""A container's environment variables, as the kubelet makes them (pkg/kubelet/kubelet_pods.go)."""

import base64
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from sandbox.node.api import CONFIG_MAP, SECRET, Objects
from sandbox.node.errors import NotStartable
from sandbox.node.payloads import secret_data
from sandbox.node.pod import Pod

Json = dict[str, Any]

_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` replaced by the variable; one that is unknown stays as it is, and `$$` is a `$`."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] is None else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def variables_of(container: Json, *, pod: Pod, api: Objects) -> dict[str, str]:
    """The variables by name. Raises `NotStartable` in the kubelet's words for what is missing, and `ApiError`."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found |= _all_of(source, pod, api)
    for variable in container.get("env") or ():
        name, text = variable["name"], variable.get("value") or ""
        if text or not variable.get("valueFrom"):
            found[name] = expand(text, found)
            continue
        value = _value(variable["valueFrom"], pod, api)
        if value is not None:
            found[name] = value
    return found


def _all_of(source: Json, pod: Pod, api: Objects) -> dict[str, str]:
    reference = source.get("secretRef") or source.get("configMapRef") or {}
    values = _values("secret" if "secretRef" in source else "configMap", reference, pod, api)
    return {f"{source.get('prefix') or ''}{key}": os.fsdecode(content) for key, content in (values or {}).items()}


def _value(source: Json, pod: Pod, api: Objects) -> str | None:
    """What a `valueFrom` says, or None for one that is optional and says nothing."""
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        value = pod.field(path)
        if value is None:
            raise NotStartable(f"unsupported fieldPath: {path}")
        return value
    for name, kind, word in (("secretKeyRef", "secret", "Secret"), ("configMapKeyRef", "configMap", "ConfigMap")):
        if name in source:
            reference = source[name]
            values, key = _values(kind, reference, pod, api), reference["key"]
            if values is not None and key in values:
                return os.fsdecode(values[key])
            if reference.get("optional"):
                return None
            raise NotStartable(f"couldn't find key {key} in {word} {pod.namespace}/{reference.get('name')}")
    raise NotStartable(f"the sandbox knows no {', '.join(source)} for a variable")


def _values(kind: str, reference: Json, pod: Pod, api: Objects) -> dict[str, bytes] | None:
    """The values of a Secret or ConfigMap, or None when it is missing and optional."""
    name = reference.get("name") or ""
    found = api.get(SECRET if kind == "secret" else CONFIG_MAP, pod.namespace, name)
    if found is None:
        if reference.get("optional"):
            return None
        raise NotStartable(f'{kind.lower()} "{name}" not found')
    if kind == "secret":
        return secret_data(found)
    texts = {key: text.encode() for key, text in (found.get("data") or {}).items()}
    return texts | {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}

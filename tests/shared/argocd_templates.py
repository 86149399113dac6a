"""What an ApplicationSet of ours makes of a folder: its Go templates rendered by Go.

ArgoCD renders every string of `spec.template` by itself, and `spec.templatePatch` as a whole, whose lists replace
those of the template. Helm's `tpl` is the same template language with the same function library (sprig).
"""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.charts.engine import render

_PROGRAM = """\
{{- $rendered := list }}{{ $folder := .Values.folder }}
{{- range .Values.strings }}{{ $rendered = append $rendered (tpl . $folder) }}{{ end }}
{{- $rendered | toJson }}
"""


class Renderer:
    """A chart in `folder` that renders the strings it is given."""

    def __init__(self, folder: Path) -> None:
        self._chart = folder / "renderer"
        (self._chart / "templates").mkdir(parents=True)
        (self._chart / "Chart.yaml").write_text("apiVersion: v2\nname: renderer\nversion: 0.1.0\n")
        (self._chart / "templates" / "strings.json").write_text(_PROGRAM)

    def application(self, manifest: dict[str, Any], folder: str) -> dict[str, Any]:
        """The Application that the set `manifest` makes of `folder`."""
        template, patch = manifest["spec"]["template"], manifest["spec"].get("templatePatch", "")
        context = {"path": {"path": folder, "basename": folder.rpartition("/")[2]}}
        strings = [text for text in _strings(template) if "{{" in text]
        *rendered, patched = self._render([*strings, patch], context)
        application: dict[str, Any] = _replaced(template, dict(zip(strings, rendered, strict=True)))
        for key, value in ((yaml.safe_load(patched) or {}) if patch else {}).get("spec", {}).items():
            application["spec"][key] = value
        return application

    def _render(self, strings: list[str], context: dict[str, Any]) -> list[str]:
        values = json.dumps({"strings": strings, "folder": context}).encode()
        manifests = render(self._chart, values, release="r", namespace="n")
        rendered: list[str] = json.loads(manifests["renderer/templates/strings.json"])
        return rendered


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inside for text in _strings(one)]


def _replaced(value: Any, rendered: dict[str, str]) -> Any:
    if isinstance(value, str):
        return rendered.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(one, rendered) for key, one in value.items()}
    return [_replaced(one, rendered) for one in value] if isinstance(value, list) else value

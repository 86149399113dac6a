"""The charts of the recording, rebuilt from what was rendered of them, and their value files.

Every chart has a ConfigMap named after the release; `user-service` and `extra` have a Deployment of the same name too.
The ConfigMap holds the image's tag, because an edited tag was seen to configure both.
"""

import json
from collections.abc import Iterator

_CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  tag: {{ (.Values.image).tag | default "none" | quote }}
"""
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
"""
_SCHEMA = {
    "type": "object",
    "properties": {"replicas": {"type": "integer"}},
}


def chart(name: str, *, deployment: bool = False) -> Iterator[tuple[str, str]]:
    """Path and content of the files of a chart."""
    yield f"{name}/Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
    yield f"{name}/values.yaml", "replicas: 1\n"
    yield f"{name}/templates/configmap.yaml", _CONFIG_MAP
    if deployment:
        yield f"{name}/templates/deployment.yaml", _DEPLOYMENT
        yield f"{name}/values.schema.json", json.dumps(_SCHEMA)


def charts(*more: str) -> dict[str, str]:
    """The chart repository: the two that were always there, and `more` of its time."""
    plain = {"order-service", "cart"}
    names = ("order-service", "user-service", *more)
    return {path: text for name in names for path, text in chart(name, deployment=name not in plain)}


def values(name: str, tag: str, **more: str) -> str:
    """The value file of an application."""
    lines = [f"image: {{repository: ghcr.io/x/{name}, tag: {json.dumps(tag)}}}"]
    return "\n".join([*lines, *(f"{key}: {text}" for key, text in more.items()), ""])

{{/* The same file in every application chart: what differs between them is in Chart.yaml and values.yaml. */}}

{{/* The name of every object is the release's, so that two releases of one chart live in one namespace. */}}
{{- define "app.name" -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* What a selector may hold: these never change in the life of a release. */}}
{{- define "app.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "app.labels" -}}
{{ include "app.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end }}

{{/* A digest names one image for ever, so where one is given the tag is left out. */}}
{{- define "app.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%v" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Environment variables as a map: a string or number is the value, a map is the rest of the entry (valueFrom). */}}
{{- define "app.env" -}}
{{- range $name, $value := .Values.env }}
- name: {{ $name | quote }}
  {{- if kindIs "map" $value }}
  {{- mustToYaml $value | nindent 2 }}
  {{- else }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
  {{- end }}
{{- end }}
{{- end }}

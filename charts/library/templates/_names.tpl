{{/* The name of every object is the release's, so that two releases of one chart live in one namespace. */}}
{{- define "library.name" -}}
{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* A CronJob's name has 52 characters at most, so the longest end in a hash that tells them apart. */}}
{{- define "library.short-name" -}}
{{- $name := include "library.name" . -}}
{{- if gt (len $name) 52 -}}
{{ printf "%s-%s" ($name | trunc 43 | trimSuffix "-") ($name | sha256sum | trunc 8) }}
{{- else -}}
{{ $name }}
{{- end -}}
{{- end }}

{{/* What a selector may hold: these never change in the life of a release. */}}
{{- define "library.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "library.labels" -}}
{{ include "library.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end }}

{{/* A map of strings, each quoted on its own: toYaml loses control characters. */}}
{{- define "library.strings" -}}
{{- range $name, $value := . }}
{{ $name | quote }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* A digest names one image for ever, so where one is given the tag is left out. */}}
{{- define "library.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%v" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The name of every object is the release's. A StatefulSet's pods carry a label "<name>-<hash of ten>", and a label has 63
characters at most: a release of 53 keeps 43 and gets a hash, so that two such releases never share a name.
*/}}
{{- define "service.name" -}}
{{ include "service.shortened" (dict "name" .Release.Name "limit" 52) }}
{{- end }}

{{/* `name` where it is no longer than `limit`; else its beginning and a hash. */}}
{{- define "service.shortened" -}}
{{- if gt (len .name) .limit -}}
{{ printf "%s-%s" (.name | trunc (sub .limit 9 | int) | trimSuffix "-") (.name | sha256sum | trunc 8) }}
{{- else -}}
{{ .name }}
{{- end -}}
{{- end }}

{{/* The Service that gives each pod a name of its own: <pod>.<this>.<namespace>.svc. */}}
{{- define "service.headless" -}}
{{ printf "%s-headless" (include "service.name" .) }}
{{- end }}

{{/* The Secret with the password; the platform function makes it, and the pods wait until it is there. */}}
{{- define "service.secret" -}}
{{ .Values.auth.existingSecret | default (printf "%s-auth" .Release.Name) }}
{{- end }}

{{/* What a selector may hold: these never change in the life of a release. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
{{ include "service.provenance" . }}
{{- end }}

{{- define "service.provenance" -}}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end }}

{{/* A digest names one image for ever, so where one is given the tag is left out. */}}
{{- define "service.image" -}}
{{- include "service.reference" (dict "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end }}

{{- define "service.reference" -}}
{{- if .image.digest -}}
{{ printf "%s@%s" .image.repository .image.digest }}
{{- else -}}
{{ printf "%s:%s" .image.repository (.image.tag | default .tag) }}
{{- end -}}
{{- end }}

{{/* A setting as a program reads it: numbers and booleans as JSON writes them, which is never 1e+06. */}}
{{- define "service.setting" -}}
{{ kindIs "string" . | ternary . (toJson .) }}
{{- end }}

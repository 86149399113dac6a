{{/* The same file in every platform chart: one stateful service, its names, its image and its storage. */}}

{{/*
The name of every object is the release's. A StatefulSet's pods carry a label "<name>-<hash of ten>", and a label has 63
characters at most: a release of 53 keeps 43 and gets a hash, so that two such releases never share a name.
*/}}
{{- define "service.name" -}}
{{- if gt (len .Release.Name) 52 -}}
{{ printf "%s-%s" (.Release.Name | trunc 43 | trimSuffix "-") (.Release.Name | sha256sum | trunc 8) }}
{{- else -}}
{{ .Release.Name }}
{{- end -}}
{{- end }}

{{/* The Service that gives each pod a name of its own: <pod>.<this>.<namespace>.svc. */}}
{{- define "service.headless" -}}
{{ printf "%s-headless" (include "service.name" .) }}
{{- end }}

{{/* The Secret with the passwords; somebody else makes it, and the pods wait until it is there. */}}
{{- define "service.secret" -}}
{{ .Values.auth.existingSecret | default (printf "%s-auth" (include "service.name" .)) }}
{{- end }}

{{/* What a selector may hold: these never change in the life of a release. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end }}

{{/* A digest names one image for ever, so where one is given the tag is left out. */}}
{{- define "service.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%v" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The claim for a pod's volume "data", made from a block of values {size, storageClass}. */}}
{{- define "service.storage" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size | quote }}
{{- end }}

{{/* The "restricted" Pod Security Standard, for the user number that the official image runs as. */}}
{{- define "service.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

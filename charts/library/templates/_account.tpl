{{/* Empty where the pods run as the namespace's `default`. */}}
{{- define "library.account-name" -}}
{{- with .Values.serviceAccount -}}
{{- if .name -}}
{{ .name }}
{{- else if .create -}}
{{ include "library.name" $ }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "library.account" -}}
{{- if .Values.serviceAccount.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "library.account-name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- include "library.strings" . | trim | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "library.deployment" -}}
{{- $none := list "0" "0%" }}
{{- with .Values.rollingUpdate }}
{{- if and (has (toString .maxUnavailable) $none) (has (toString .maxSurge) $none) }}
{{- fail "rollingUpdate.maxUnavailable and rollingUpdate.maxSurge are both 0: no pod could ever be replaced" }}
{{- end }}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "library.name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
spec:
  {{- /* The autoscaler's number is not in Git: a second one here would take it back at every sync. */}}
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicas | int }}
  {{- end }}
  strategy:
    rollingUpdate:
      {{- toYaml .Values.rollingUpdate | nindent 6 }}
  selector:
    matchLabels:
      {{- include "library.selector" . | nindent 6 }}
  template:
    metadata:
      {{- include "library.pod-metadata" . | nindent 6 }}
    spec:
      {{- include "library.pod" . | nindent 6 }}
{{- end }}

{{/* `maxUnavailable` never stands in the way of draining a node, as a minimum of one replica would for ever. */}}
{{- define "library.disruption-budget" -}}
{{- if .Values.podDisruptionBudget.enabled -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "library.name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable | toJson }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "library.selector" . | nindent 6 }}
{{- end }}
{{- end }}

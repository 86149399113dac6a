{{- define "library.autoscaler" -}}
{{- with .Values.autoscaling }}
{{- if .enabled -}}
{{- $minimum := .minReplicas | int }}
{{- $maximum := .maxReplicas | int }}
{{- if gt $minimum $maximum }}
{{- fail (printf "autoscaling.minReplicas is %d: above autoscaling.maxReplicas, %d" $minimum $maximum) }}
{{- end }}
{{- if not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage) }}
{{- fail "autoscaling has no target: set autoscaling.targetCPUUtilizationPercentage or autoscaling.targetMemoryUtilizationPercentage" }}
{{- end -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "library.name" $ | quote }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "library.name" $ | quote }}
  minReplicas: {{ $minimum }}
  maxReplicas: {{ $maximum }}
  metrics:
    {{- range $resource, $target := dict "cpu" .targetCPUUtilizationPercentage "memory" .targetMemoryUtilizationPercentage }}
    {{- if $target }}
    - type: Resource
      resource:
        name: {{ $resource }}
        target:
          type: Utilization
          averageUtilization: {{ $target | int }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

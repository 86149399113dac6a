{{- define "library.cronjob" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "library.short-name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
spec:
  schedule: {{ .Values.schedule | quote }}
  timeZone: {{ .Values.timeZone | quote }}
  suspend: {{ .Values.suspend }}
  concurrencyPolicy: {{ .Values.concurrencyPolicy | quote }}
  startingDeadlineSeconds: {{ .Values.startingDeadlineSeconds | int }}
  successfulJobsHistoryLimit: {{ .Values.history.successful | int }}
  failedJobsHistoryLimit: {{ .Values.history.failed | int }}
  jobTemplate:
    metadata:
      labels:
        {{- include "library.selector" . | nindent 8 }}
    spec:
      backoffLimit: {{ .Values.backoffLimit | int }}
      activeDeadlineSeconds: {{ .Values.activeDeadlineSeconds | int }}
      template:
        metadata:
          {{- include "library.pod-metadata" . | nindent 10 }}
        spec:
          {{- include "library.pod" . | nindent 10 }}
{{- end }}

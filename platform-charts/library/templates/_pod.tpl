{{/* The beginning of a StatefulSet. */}}
{{- define "service.head" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "service.name" . | quote }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
{{- end }}

{{/*
A StatefulSet's fields beside its pods. All but `replicas` and the last three lines are immutable: they depend on the
release's name and the chart's, and on nothing in the values. `root`, `replicas`, `management`.
*/}}
{{- define "service.set" -}}
replicas: {{ .replicas | int }}
podManagementPolicy: {{ .management }}
serviceName: {{ include "service.headless" .root | quote }}
selector:
  matchLabels:
    {{- include "service.selector" .root | nindent 4 }}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: Retain
  whenScaled: Retain
{{- end }}

{{/* Where a pod may run, as whom, and what it may do: the "restricted" Pod Security Standard. `root`, `user`. */}}
{{- define "service.pod" -}}
serviceAccountName: {{ include "service.name" .root | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ .name | quote }}
  {{- end }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A cluster's members on as many machines as there are; they start all the same where there are too few. */}}
{{- define "service.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "service.selector" . | nindent 8 }}
{{- end }}

{{- define "service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The head of a sidecar that shows metrics on `port`; its arguments and environment follow. `metrics` is the block of values. */}}
{{- define "service.exporter" -}}
- name: metrics
  image: {{ include "service.reference" (dict "image" .metrics.image "tag" "") | quote }}
  imagePullPolicy: {{ .metrics.image.pullPolicy | quote }}
  ports:
    - name: metrics
      containerPort: {{ .port }}
  startupProbe:
    tcpSocket:
      port: metrics
    periodSeconds: 5
    failureThreshold: 60
  readinessProbe:
    tcpSocket:
      port: metrics
  livenessProbe:
    tcpSocket:
      port: metrics
    periodSeconds: 30
  resources: {{ toJson .metrics.resources }}
  securityContext:
    {{- include "service.containerSecurity" . | nindent 4 }}
{{- end }}

{{- define "service.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "service.name" . | quote }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "service.disruption" -}}
{{- if .Values.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "service.name" . | quote }}
  labels:
    {{- include "service.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable | int }}
  # A pod that is not ready holds up nobody's drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "service.selector" . | nindent 6 }}
{{- end }}
{{- end }}

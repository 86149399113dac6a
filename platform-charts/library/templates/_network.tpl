{{/*
Who may reach the service, and what it may reach: its clients their ports, its members each other, a name server.
`root`; `clients`, `members`, `metrics`: lists of port numbers, `metrics` empty where none are shown.
*/}}
{{- define "service.network" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if $policy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "service.name" .root | quote }}
  labels:
    {{- include "service.labels" .root | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "service.selector" .root | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from: {{ toJson $policy.clients }}
      ports:
        {{- include "service.tcp" .clients | trim | nindent 8 }}
    - from:
        {{- include "service.members" .root | nindent 8 }}
        {{- if (.root.Values.backup | default dict).enabled }}
        - podSelector:
            matchLabels:
              {{- include "service.backupSelector" .root | nindent 14 }}
        {{- end }}
      ports:
        {{- include "service.tcp" (concat .clients .members | uniq) | trim | nindent 8 }}
    {{- with .metrics }}
    - from: {{ toJson $policy.scrapers }}
      ports:
        {{- include "service.tcp" . | trim | nindent 8 }}
    {{- end }}
  egress:
    {{- include "service.resolve" . | nindent 4 }}
    - to:
        {{- include "service.members" .root | nindent 8 }}
      ports:
        {{- include "service.tcp" (concat .clients .members | uniq) | trim | nindent 8 }}
    {{- range $policy.egress }}
    - {{ toJson . }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "service.members" -}}
- podSelector:
    matchLabels:
      {{- include "service.selector" . | nindent 6 }}
{{- end }}

{{- define "service.tcp" -}}
{{- range . }}
- protocol: TCP
  port: {{ . }}
{{- end }}
{{- end }}

{{- define "service.resolve" -}}
- ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}

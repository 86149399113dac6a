{{/* One Service for clients and one for the members' own names. `root`, `ports`: a list of [name, number]. */}}
{{- define "service.services" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "service.name" .root | quote }}
  labels:
    {{- include "service.labels" .root | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- include "service.selector" .root | nindent 4 }}
  ports:
    {{- include "service.ports" .ports | trim | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "service.headless" .root | quote }}
  labels:
    {{- include "service.labels" .root | nindent 4 }}
spec:
  clusterIP: None
  # Members find each other before they are ready.
  publishNotReadyAddresses: true
  selector:
    {{- include "service.selector" .root | nindent 4 }}
  ports:
    {{- include "service.ports" .ports | trim | nindent 4 }}
{{- end }}

{{- define "service.ports" -}}
{{- range . }}
- name: {{ index . 0 }}
  port: {{ index . 1 }}
  targetPort: {{ index . 0 }}
{{- end }}
{{- end }}

{{- define "namespaces.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* The namespace itself, which nothing but a person takes away: with it would go every volume claim in it. */}}
{{- define "namespaces.namespace" -}}
{{- $enforced := get (.namespace.labels | default dict) "pod-security.kubernetes.io/enforce" | default "restricted" }}
{{- $levels := dict
  "pod-security.kubernetes.io/enforce" $enforced
  "pod-security.kubernetes.io/audit" "restricted"
  "pod-security.kubernetes.io/warn" "restricted"
}}
{{- $own := include "namespaces.labels" .root | fromYaml }}
{{- $kept := dict
  "helm.sh/resource-policy" "keep"
  "argocd.argoproj.io/sync-options" "Prune=false,Delete=false"
  "argocd.argoproj.io/compare-options" "IgnoreExtraneous"
}}
apiVersion: v1
kind: Namespace
metadata:
  name: {{ .namespace.name | quote }}
  labels:
    {{- range $name, $value := merge dict $own (.namespace.labels | default dict) $levels }}
    {{ $name | quote }}: {{ $value | quote }}
    {{- end }}
  annotations:
    {{- range $name, $value := merge dict $kept (.namespace.annotations | default dict) }}
    {{ $name | quote }}: {{ $value | quote }}
    {{- end }}
{{- end }}

{{/* The metadata of an object in the namespace. `root`, `namespace`, `name`. */}}
{{- define "namespaces.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .namespace.name | quote }}
labels:
  {{- include "namespaces.labels" .root | nindent 2 }}
{{- end }}

{{/* A quantity as text: a number as JSON writes it, which is never 1e+06. */}}
{{- define "namespaces.quantity" -}}
{{ kindIs "string" . | ternary . (toJson .) }}
{{- end }}

{{- define "namespaces.quota" -}}
{{- with .namespace.quota }}
---
apiVersion: v1
kind: ResourceQuota
metadata:
  {{- include "namespaces.metadata" (merge (dict "name" "infraforge") $) | nindent 2 }}
spec:
  hard:
    {{- range $name, $value := . }}
    {{ $name | quote }}: {{ include "namespaces.quantity" $value | quote }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "namespaces.limits" -}}
{{- with .namespace.limits }}
---
apiVersion: v1
kind: LimitRange
metadata:
  {{- include "namespaces.metadata" (merge (dict "name" "infraforge") $) | nindent 2 }}
spec:
  limits:
    - type: Container
      {{- range $bound, $quantities := . }}
      {{ $bound }}:
        {{- range $name, $value := $quantities }}
        {{ $name | quote }}: {{ include "namespaces.quantity" $value | quote }}
        {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{/* Nothing in and nothing out, but within the namespace, to a name server, and with the namespaces that are named. */}}
{{- define "namespaces.network" -}}
{{- $policy := .namespace.networkPolicy | default dict }}
{{- if dig "enabled" true $policy }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "namespaces.metadata" (merge (dict "name" "infraforge-default-deny") .) | nindent 2 }}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "namespaces.metadata" (merge (dict "name" "infraforge-allowed") .) | nindent 2 }}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector: {}
        {{- with $policy.from }}
        {{- include "namespaces.peers" . | trim | nindent 8 }}
        {{- end }}
  egress:
    - ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
    - to:
        - podSelector: {}
        {{- with $policy.to }}
        {{- include "namespaces.peers" . | trim | nindent 8 }}
        {{- end }}
{{- end }}
{{- end }}

{{- define "namespaces.peers" -}}
{{- range . }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . | quote }}
{{- end }}
{{- end }}

{{/* A map of strings, each quoted on its own: toJson leaves characters that end a line in YAML as they are. */}}
{{- define "namespaces.strings" -}}
{{- range $name, $value := . }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* One RoleBinding for each role, named by it: a binding's role never changes. */}}
{{- define "namespaces.access" -}}
{{- range $role := list "view" "edit" "admin" }}
{{- $subjects := list }}
{{- range $.namespace.access }}
{{- if eq .role $role }}
{{- $group := eq .kind "ServiceAccount" | ternary dict (dict "apiGroup" "rbac.authorization.k8s.io") }}
{{- $subjects = append $subjects (merge (omit . "role") $group) }}
{{- end }}
{{- end }}
{{- if $subjects }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "namespaces.metadata" (merge (dict "name" (printf "infraforge-%s" $role)) $) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $role }}
subjects:
  {{- range $subjects }}
  - {{ include "namespaces.strings" . | trim | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A Role of an account, with its binding: root, account, namespace, rules; annotations of hooks where it is one. */}}
{{- define "infraforge.role" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "infraforge.roleMetadata" . | nindent 2 }}
  namespace: {{ .namespace }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "infraforge.roleMetadata" . | nindent 2 }}
  namespace: {{ .namespace }}
{{ include "infraforge.bound" (merge (dict "kind" "Role") .) }}
{{- end }}

{{/* The same for the whole cluster: root, account, rules. */}}
{{- define "infraforge.clusterRole" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  {{- include "infraforge.roleMetadata" . | nindent 2 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "infraforge.roleMetadata" . | nindent 2 }}
{{ include "infraforge.bound" (merge (dict "kind" "ClusterRole") .) }}
{{- end }}

{{- define "infraforge.roleMetadata" -}}
name: infraforge-{{ .account }}
labels:
  {{- include "infraforge.labels" (dict "root" .root "component" .account) | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "infraforge.bound" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: infraforge-{{ .account }}
subjects:
  - kind: ServiceAccount
    name: infraforge-{{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

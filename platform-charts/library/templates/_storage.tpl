{{/*
The template of each pod's claim for its volume "data", from a block of values {size, storageClass}. Its labels find the
claims of a release; they are those of the selector, because a template never changes. ArgoCD, where it tracks by the
label, would otherwise take the claims for its own and prune them. `root`, `persistence`.
*/}}
{{- define "service.storage" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    labels:
      {{- include "service.selector" .root | nindent 6 }}
    annotations:
      argocd.argoproj.io/compare-options: IgnoreExtraneous
      argocd.argoproj.io/sync-options: Prune=false,Delete=false
  spec:
    {{- include "service.claim" .persistence | nindent 4 }}
{{- end }}

{{- define "service.claim" -}}
accessModes: [ReadWriteOnce]
volumeMode: Filesystem
{{- with .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}

{{/* Labels of a pod, which do not change with a version: root, component. */}}
{{- define "infraforge.podLabels" -}}
app.kubernetes.io/name: infraforge
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: infraforge
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* What every function is told. */}}
{{- define "infraforge.env.all" -}}
- name: THREADS
  value: {{ .Values.functions.threads | quote }}
- name: INFRAFORGE_SYSTEM_NAMESPACE
  value: {{ .Release.Namespace }}
{{- include "infraforge.settings" (dict "root" . "names" (list "bodyLimit" "maxWaiting" "timeout" "tracesEndpoint")) }}
{{- end }}

{{/* What the functions of claims are told. */}}
{{- define "infraforge.env.claims" -}}
{{- include "infraforge.env.all" . }}
- name: INFRAFORGE_GITEA_TOKEN_FILE
  value: /var/run/infraforge/gitea/token
{{- include "infraforge.env.certificates" . }}
- name: INFRAFORGE_CACHE_DIR
  value: /var/cache/infraforge
{{- include "infraforge.settings" (dict "root" . "names" (list "giteaUrl" "giteaEndpoint" "argocdNamespace" "clusterTypes" "environmentNamespaces" "valueFiles" "authorName" "authorEmail" "removalLimit" "removalShare")) }}
{{- end }}

{{- define "infraforge.env.application" -}}
{{- include "infraforge.env.claims" . }}
{{- include "infraforge.settings" (dict "root" . "names" (list "registryMirrors" "allowedRegistries" "registryTimeout" "registryCoolDown")) }}
{{- if .Values.secrets.registry }}
- name: INFRAFORGE_REGISTRY_CREDENTIALS_FILE
  value: /var/run/infraforge/registry/.dockerconfigjson
{{- end }}
{{- end }}

{{- define "infraforge.env.platform" -}}
{{- include "infraforge.env.claims" . }}
{{- end }}

{{- define "infraforge.env.bootstrap" -}}
{{- include "infraforge.env.claims" . }}
{{- include "infraforge.settings" (dict "root" . "names" (list "chartRegistries" "deniedKinds")) }}
- name: INFRAFORGE_BROKER_URL
  value: {{ include "infraforge.brokerUrl" . }}
{{- if .Values.secrets.argocd }}
- name: INFRAFORGE_ARGOCD_TOKEN_FILE
  value: /var/run/infraforge/argocd/token
{{- end }}
{{- if .Values.secrets.webhook }}
- name: INFRAFORGE_WEBHOOK_SECRET_FILE
  value: /var/run/infraforge/webhook/secret
- name: INFRAFORGE_WEBHOOK_URL
  value: {{ include "infraforge.webhookUrl" . }}
{{- end }}
{{- end }}

{{- define "infraforge.env.deadletters" -}}
{{- include "infraforge.env.all" . }}
{{- include "infraforge.settings" (dict "root" . "names" (list "lettersKept")) }}
- name: INFRAFORGE_BROKER_URL
  value: {{ include "infraforge.brokerUrl" . }}
{{- end }}

{{/* Where the authorities of Gitea's certificate are, if an operator names them. */}}
{{- define "infraforge.env.certificates" -}}
{{- if .Values.certificates.gitea }}
- name: INFRAFORGE_GITEA_CA_FILE
  value: /var/run/infraforge/certificates/ca.crt
{{- end }}
{{- end }}

{{- define "infraforge.mount.certificates" -}}
{{- if .Values.certificates.gitea }}
- name: certificates
  mountPath: /var/run/infraforge/certificates
  readOnly: true
{{- end }}
{{- end }}

{{- define "infraforge.volume.certificates" -}}
{{- with .Values.certificates.gitea }}
- name: certificates
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}

{{/* The Secrets that a function reads, as name → Secret: root, function. */}}
{{- define "infraforge.secrets" -}}
{{- $all := .root.Values.secrets -}}
{{- $wanted := dict "bootstrap" (list "gitea" "argocd" "webhook") "application" (list "gitea" "registry") "platform" (list "gitea") "deadletters" (list) -}}
{{- $found := dict -}}
{{- range $name := get $wanted .function }}{{ with get $all $name }}{{ $_ := set $found $name . }}{{ end }}{{ end -}}
{{- toJson $found -}}
{{- end }}

{{- define "infraforge.mounts" -}}
{{- if include "infraforge.sends" . }}
- name: broker
  mountPath: /var/run/infraforge/broker
  readOnly: true
{{- end }}
{{- range $name, $_ := include "infraforge.secrets" . | fromJson }}
- name: {{ $name }}
  mountPath: /var/run/infraforge/{{ $name }}
  readOnly: true
{{- end }}
{{- if ne .function "deadletters" }}
{{- include "infraforge.mount.certificates" .root }}
- name: cache
  mountPath: /var/cache/infraforge
{{- end }}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* Readable by all: fsGroup is behind a feature of Knative, and the container is not root. */}}
{{- define "infraforge.volumes" -}}
{{- if include "infraforge.sends" . }}
- name: broker
  projected:
    defaultMode: 0444
    sources:
      - serviceAccountToken:
          audience: {{ include "infraforge.brokerAudience" .root }}
          expirationSeconds: 3600
          path: token
{{- end }}
{{- range $name, $secret := include "infraforge.secrets" . | fromJson }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0444
{{- end }}
{{- if ne .function "deadletters" }}
{{- include "infraforge.volume.certificates" .root }}
- name: cache
  emptyDir:
    sizeLimit: {{ get (get .root.Values.functions .function) "cacheSize" }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- end }}

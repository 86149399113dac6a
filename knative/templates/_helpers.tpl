{{/* Labels of every object; give a dict of root and, where there is one, component. */}}
{{- define "infraforge.labels" -}}
app.kubernetes.io/name: infraforge
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: infraforge
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* metadata of a namespaced object of the release: root, name, component. */}}
{{- define "infraforge.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "infraforge.labels" . | nindent 2 }}
{{- end }}

{{/* The image of a function: root, image (the dead-letter consumer, the setup Job and the test run bootstrap's). */}}
{{- define "infraforge.image" -}}
{{- $image := .root.Values.image -}}
{{- $name := printf "%s/%s" $image.repository .image -}}
{{- with get $image.digests .image }}{{ printf "%s@%s" $name . }}{{ else }}{{ printf "%s:%s" $name ($image.tag | default .root.Chart.AppVersion) }}{{ end -}}
{{- end }}

{{/* What the restricted Pod Security Standard asks of a container, all of it allowed by Knative without a feature. */}}
{{- define "infraforge.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Settings as environment: root, names. Text as it is, everything else as JSON; what is empty is not set. */}}
{{- define "infraforge.settings" -}}
{{- $settings := .root.Values.settings }}
{{- range .names }}
{{- $value := get $settings . }}
{{- if not (kindIs "string" $value) }}{{ $value = $value | toJson }}{{ end }}
{{- if not (has $value (list "" "null" "[]" "{}")) }}
- name: INFRAFORGE_{{ snakecase . | upper }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The address of the Broker inside the cluster. */}}
{{- define "infraforge.brokerUrl" -}}
{{- $ingress := ternary "kafka-broker-ingress" "broker-ingress" .Values.broker.kafka.enabled -}}
{{- .Values.settings.brokerUrl | default (printf "http://%s.knative-eventing.svc.%s/%s/infraforge" $ingress .Values.clusterDomain .Release.Namespace) -}}
{{- end }}

{{/* The address of the bootstrap function as Gitea reaches it. */}}
{{- define "infraforge.webhookUrl" -}}
{{- $public := .Values.webhook.public -}}
{{- $own := printf "http://infraforge-bootstrap.%s.svc.%s" .Release.Namespace .Values.clusterDomain -}}
{{- if $public.enabled }}{{ $own = printf "%s://%s" (ternary "https" "http" (ne $public.tlsSecret "")) $public.host }}{{ end -}}
{{- .Values.settings.webhookUrl | default $own -}}
{{- end }}

{{/* A subscriber or sink that is a Knative Service: its name. */}}
{{- define "infraforge.service" -}}
ref:
  apiVersion: serving.knative.dev/v1
  kind: Service
  name: {{ . }}
{{- end }}

{{/* The sink of a source: the Broker. */}}
{{- define "infraforge.sink" -}}
ref:
  apiVersion: eventing.knative.dev/v1
  kind: Broker
  name: infraforge
{{- end }}

{{/* What a pod of ours that is no Knative Service has beside its containers and volumes: root, account. */}}
{{- define "infraforge.pod" -}}
serviceAccountName: infraforge-{{ .account }}
restartPolicy: Never
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* What values name, nobody makes and is not in the cluster, as a JSON list of lines for people; none without a cluster. */}}
{{- define "infraforge.missing" -}}
{{- $values := .Values -}}
{{- $wanted := list -}}
{{- if $values.setup.enabled -}}
{{- range $name, $made := $values.setup.makes }}{{ if not $made }}{{ $wanted = append $wanted (list "Secret" (get $values.secrets $name) (printf "secrets.%s" $name)) }}{{ end }}{{ end -}}
{{- end -}}
{{- $wanted = append $wanted (list "Secret" $values.secrets.registry "secrets.registry") -}}
{{- range $values.image.pullSecrets }}{{ $wanted = append $wanted (list "Secret" . "image.pullSecrets") }}{{ end -}}
{{- $wanted = append $wanted (list "ConfigMap" $values.certificates.gitea "certificates.gitea") -}}
{{- if $values.webhook.public.enabled }}{{ $wanted = append $wanted (list "Secret" $values.webhook.public.tlsSecret "webhook.public.tlsSecret") }}{{ end -}}
{{- $missing := list -}}
{{- if lookup "v1" "Namespace" "" .Release.Namespace -}}
{{- range $wanted -}}
{{- if and (index . 1) (not (lookup "v1" (index . 0) $.Release.Namespace (index . 1))) }}{{ $missing = append $missing (printf "%s %s (%s)" (index . 0) (index . 1) (index . 2)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $missing -}}
{{- end }}

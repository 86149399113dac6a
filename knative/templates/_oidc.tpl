{{/* Whether a function sends to the Broker by itself, and so needs a token for it: root, function. */}}
{{- define "infraforge.sends" -}}
{{- if and .root.Values.oidc.enabled (has .function (list "bootstrap" "deadletters")) }}yes{{ end -}}
{{- end }}

{{/* The audience that Knative gives a Broker (eventing, pkg/auth: group/kind/namespace/name). */}}
{{- define "infraforge.brokerAudience" -}}
eventing.knative.dev/broker/{{ .Release.Namespace }}/infraforge
{{- end }}

{{/* The Triggers that end at a function: root, function; a JSON list of names. */}}
{{- define "infraforge.triggersOf" -}}
{{- $of := dict
  "bootstrap" (list "bootstrapclaim" "infrastructureclaim" "bootstrap-argocd" "bootstrap-wakeups")
  "application" (list "applicationclaim" "application-argocd" "application-wakeups")
  "platform" (list "platformclaim" "platform-argocd" "platform-wakeups") -}}
{{- $_ := set $of "deadletters" (concat $of.bootstrap $of.application $of.platform (list "deadletter")) -}}
{{- get $of .function | toJson -}}
{{- end }}

{{/*
Who may send to a function, with Knative's sender identity: root, function. A Trigger sends as an account named
<trigger>-oidc-eventing.knative.dev-trigger; of a name over 29 characters, which does not fit, the end is 32 digits of
a hash (knative.dev/pkg/kmeta ChildName). What a channel gives up comes from its dispatcher, as the account of the
Subscription below the Trigger (eventing, pkg/channel/fanout), whose name is the Broker's, the Trigger's and its uid,
and never fits; with Kafka it comes as the Trigger's own.
*/}}
{{- define "infraforge.env.oidc" -}}
{{- if .root.Values.oidc.enabled -}}
{{- $root := .root -}}
{{- $function := .function -}}
{{- $subjects := list -}}
{{- range include "infraforge.triggersOf" . | fromJsonArray }}
{{- $name := printf "infraforge-%s" . }}
{{- $suffix := ternary "-oidc-eventing.knative.dev-trigger" (repeat 32 "?") (le (len $name) 29) }}
{{- $subjects = append $subjects (printf "system:serviceaccount:%s:%s%s" $root.Release.Namespace ($name | trunc 31) $suffix) }}
{{- if and (eq $function "deadletters") (ne . "deadletter") }}
{{- $subjects = append $subjects (printf "system:serviceaccount:%s:%s%s" $root.Release.Namespace (printf "infraforge-%s-" $name | trunc 31) (repeat 32 "?")) }}
{{- end }}
{{- end -}}
- name: INFRAFORGE_SENDER_AUDIENCE
  value: infraforge-{{ .function }}
- name: INFRAFORGE_SENDER_SUBJECTS
  value: {{ $subjects | toJson | quote }}
{{- with .root.Values.oidc.issuer }}
- name: INFRAFORGE_SENDER_ISSUER
  value: {{ . | quote }}
{{- end }}
{{- if include "infraforge.sends" . }}
- name: INFRAFORGE_BROKER_TOKEN_FILE
  value: /var/run/infraforge/broker/token
{{- end }}
{{- end -}}
{{- end }}

{{/*
What the image turns into server.properties: KAFKA_LOG_DIRS is log.dirs. Every listener asks for the password, so that a
network without policies is no open door; the members speak to each other over listeners of their own. The configuration
of the values comes last.
*/}}
{{- define "kafka.environment" -}}
{{- $nodes := .Values.replicaCount | int }}
{{- $headless := include "service.headless" . }}
{{- $voters := list }}
{{- range $ordinal := until $nodes }}
{{- $voters = append $voters (printf "%d@%s-%d.%s.%s.svc:9093" $ordinal (include "service.name" $) $ordinal $headless $.Release.Namespace) }}
{{- end }}
{{- $host := printf "$(POD_NAME).%s.$(POD_NAMESPACE).svc" $headless }}
{{- $login := printf "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"$(SASL_PASSWORD)\" user_%s=\"$(SASL_PASSWORD)\";" .Values.auth.username .Values.auth.username }}
{{- $environment := dict
  "CLUSTER_ID" (printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 22)
  "KAFKA_ADVERTISED_LISTENERS" (printf "CLIENT://%s:9092,INTERNAL://%s:9094" $host $host)
  "KAFKA_CONTROLLER_LISTENER_NAMES" "CONTROLLER"
  "KAFKA_CONTROLLER_QUORUM_VOTERS" (join "," $voters)
  "KAFKA_HEAP_OPTS" .Values.heap
  "KAFKA_INTER_BROKER_LISTENER_NAME" "INTERNAL"
  "KAFKA_LISTENERS" "CLIENT://:9092,CONTROLLER://:9093,INTERNAL://:9094"
  "KAFKA_LISTENER_NAME_CLIENT_PLAIN_SASL_JAAS_CONFIG" $login
  "KAFKA_LISTENER_NAME_CONTROLLER_PLAIN_SASL_JAAS_CONFIG" $login
  "KAFKA_LISTENER_NAME_INTERNAL_PLAIN_SASL_JAAS_CONFIG" $login
  "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP" "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,INTERNAL:SASL_PLAINTEXT"
  "KAFKA_LOG_DIRS" "/var/lib/kafka/data/log"
  "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR" (min $nodes 3 | toString)
  "KAFKA_PROCESS_ROLES" "broker,controller"
  "KAFKA_SASL_ENABLED_MECHANISMS" "PLAIN"
  "KAFKA_SASL_MECHANISM_CONTROLLER_PROTOCOL" "PLAIN"
  "KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL" "PLAIN"
  "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR" (min $nodes 2 | toString)
  "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR" (min $nodes 3 | toString)
}}
{{- range $name, $value := .Values.configuration }}
{{- $_ := set $environment (printf "KAFKA_%s" ($name | upper | replace "_" "__" | replace "-" "___" | replace "." "_")) (include "service.setting" $value) }}
{{- end }}
{{- range $name, $value := $environment }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

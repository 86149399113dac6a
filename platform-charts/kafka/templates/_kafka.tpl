{{/* What the image turns into server.properties: KAFKA_LOG_DIRS is log.dirs. The configuration of the values comes last. */}}
{{- define "kafka.environment" -}}
{{- $nodes := .Values.replicaCount | int }}
{{- $voters := list }}
{{- range $ordinal := until $nodes }}
{{- $host := printf "%s-%d.%s.%s.svc" (include "service.name" $) $ordinal (include "service.headless" $) $.Release.Namespace }}
{{- $voters = append $voters (printf "%d@%s:9093" $ordinal $host) }}
{{- end }}
{{- $environment := dict
  "CLUSTER_ID" (printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 22)
  "KAFKA_ADVERTISED_LISTENERS" (printf "PLAINTEXT://$(POD_NAME).%s.$(POD_NAMESPACE).svc:9092" (include "service.headless" .))
  "KAFKA_CONTROLLER_LISTENER_NAMES" "CONTROLLER"
  "KAFKA_CONTROLLER_QUORUM_VOTERS" (join "," $voters)
  "KAFKA_HEAP_OPTS" .Values.heap
  "KAFKA_INTER_BROKER_LISTENER_NAME" "PLAINTEXT"
  "KAFKA_LISTENERS" "PLAINTEXT://:9092,CONTROLLER://:9093"
  "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP" "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
  "KAFKA_LOG_DIRS" "/var/lib/kafka/data/log"
  "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR" (min $nodes 3 | toString)
  "KAFKA_PROCESS_ROLES" "broker,controller"
  "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR" (min $nodes 2 | toString)
  "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR" (min $nodes 3 | toString)
}}
{{- range $name, $value := .Values.configuration }}
{{- $_ := set $environment (printf "KAFKA_%s" ($name | upper | replace "_" "__" | replace "-" "___" | replace "." "_")) (kindIs "string" $value | ternary $value (toJson $value)) }}
{{- end }}
{{- range $name, $value := $environment }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

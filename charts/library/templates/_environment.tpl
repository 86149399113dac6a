{{/*
What a binding tells the application: POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DATABASE, POSTGRES_USERNAME and, out of its
Secret, POSTGRES_PASSWORD for the binding `postgres`. They stand first, so that `env` can build on them:
DATABASE_URL: postgres://$(POSTGRES_HOST)/$(POSTGRES_DATABASE). A name that `env` gives itself is left to it.
*/}}
{{- define "library.bindings" -}}
{{- range $name, $binding := .Values.bindings }}
{{- $prefix := $name | upper | replace "-" "_" }}
{{- range $key := list "host" "port" "database" "username" }}
{{- $variable := printf "%s_%s" $prefix (upper $key) }}
{{- with get $binding $key }}
{{- if not (hasKey $.Values.env $variable) }}
- name: {{ $variable | quote }}
  value: {{ kindIs "string" . | ternary . (toJson .) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- $variable := printf "%s_PASSWORD" $prefix }}
{{- if and $binding.secretName (not (hasKey $.Values.env $variable)) }}
- name: {{ $variable | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ $binding.secretName | quote }}
      key: {{ $binding.secretKey | default "password" | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Environment variables as a map: a string or number is the value, a map is the rest of the entry (valueFrom). */}}
{{- define "library.env" -}}
{{- include "library.bindings" . }}
{{- range $name, $value := .Values.env }}
- name: {{ $name | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* All keys of ConfigMaps and Secrets; where two have the same key, the later one counts: Secrets over ConfigMaps. */}}
{{- define "library.env-from" -}}
{{- range .Values.envFrom.configMaps }}
- configMapRef:
    name: {{ . | quote }}
{{- end }}
{{- range .Values.envFrom.secrets }}
- secretRef:
    name: {{ . | quote }}
{{- end }}
{{- with .Values.existingSecret }}
- secretRef:
    name: {{ . | quote }}
{{- end }}
{{- end }}

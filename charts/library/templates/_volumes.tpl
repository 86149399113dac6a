{{- define "library.mounts" -}}
{{- range $name, $volume := .Values.volumes }}
- name: {{ $name | quote }}
  mountPath: {{ $volume.mountPath | quote }}
  {{- with $volume.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  {{- if $volume.readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* The schema sees to it that each volume has exactly one source. */}}
{{- define "library.volumes" -}}
{{- range $name, $volume := .Values.volumes }}
- name: {{ $name | quote }}
  {{- with $volume.configMap }}
  configMap:
    name: {{ . | quote }}
  {{- end }}
  {{- with $volume.secret }}
  secret:
    secretName: {{ . | quote }}
  {{- end }}
  {{- with $volume.persistentVolumeClaim }}
  persistentVolumeClaim:
    claimName: {{ . | quote }}
  {{- end }}
  {{- with $volume.emptyDir }}
  emptyDir:
    sizeLimit: {{ kindIs "string" . | ternary . (toJson .) | quote }}
  {{- end }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- end }}

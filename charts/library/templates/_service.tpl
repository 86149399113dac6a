{{- define "library.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "library.name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "library.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .Values.service.port | int }}
      targetPort: http
{{- end }}

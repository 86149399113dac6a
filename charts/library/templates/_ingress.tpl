{{- define "library.ingress" -}}
{{- if .Values.ingress.enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "library.name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
  {{- with .Values.ingress.annotations }}
  annotations:
    {{- include "library.strings" . | trim | nindent 4 }}
  {{- end }}
spec:
  {{- with .Values.ingress.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.ingress.tlsSecret }}
  tls:
    - secretName: {{ . | quote }}
      hosts:
        - {{ $.Values.ingress.host | quote }}
  {{- end }}
  rules:
    - host: {{ required "ingress.host is empty: name the host, or set ingress.enabled to false" .Values.ingress.host | quote }}
      http:
        paths:
          - path: {{ .Values.ingress.path | quote }}
            pathType: Prefix
            backend:
              service:
                name: {{ include "library.name" . | quote }}
                port:
                  name: http
{{- end }}
{{- end }}

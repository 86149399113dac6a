{{/*
In: the service's port, and nothing where there is none. Out: name resolution, the namespace's own pods, what is bound,
and public addresses; other namespaces and private networks only by `networkPolicy.egress`.
*/}}
{{- define "library.network-policy" -}}
{{- if .Values.networkPolicy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "library.name" . | quote }}
  labels:
    {{- include "library.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "library.selector" . | nindent 6 }}
  policyTypes:
    - Ingress
    - Egress
  {{- if .Values.service }}
  ingress:
    - ports:
        - protocol: TCP
          port: {{ .Values.service.targetPort | int }}
      {{- with .Values.networkPolicy.from }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- end }}
  egress:
    - ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
    - to:
        - podSelector: {}
    {{- with include "library.egress-to-bindings" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if .Values.networkPolicy.internet }}
    {{- include "library.egress-to-internet" . | nindent 4 }}
    {{- end }}
    {{- with .Values.networkPolicy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* A service in the cluster is known by its namespace and release; one outside only by its port. */}}
{{- define "library.egress-to-bindings" -}}
{{- range .Values.bindings }}
- ports:
    - protocol: TCP
      port: {{ .port | int }}
  {{- if .namespace }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace | quote }}
      {{- with .release }}
      podSelector:
        matchLabels:
          app.kubernetes.io/instance: {{ . | quote }}
      {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* All but private, shared (RFC 6598) and link-local ranges: a cloud's metadata server is at a link-local address. */}}
{{- define "library.egress-to-internet" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          - 10.0.0.0/8
          - 100.64.0.0/10
          - 169.254.0.0/16
          - 172.16.0.0/12
          - 192.168.0.0/16
    - ipBlock:
        cidr: ::/0
        except:
          - fc00::/7
          - fe80::/10
{{- end }}

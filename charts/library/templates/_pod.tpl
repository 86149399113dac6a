{{/* The specification of a pod with one container, `app`. */}}
{{- define "library.pod" -}}
{{- with include "library.account-name" . -}}
serviceAccountName: {{ . | quote }}
{{ end -}}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken | default false }}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.restartPolicy }}
restartPolicy: {{ . | quote }}
{{- end }}
{{- with .Values.terminationGracePeriodSeconds }}
terminationGracePeriodSeconds: {{ . | int }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- include "library.strings" . | trim | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey | quote }}
    maxSkew: {{ .maxSkew | default 1 | int }}
    whenUnsatisfiable: {{ .whenUnsatisfiable | default "ScheduleAnyway" | quote }}
    labelSelector:
      matchLabels:
        {{- include "library.selector" $ | nindent 8 }}
    matchLabelKeys:
      - pod-template-hash
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  - name: app
    {{- include "library.container" . | nindent 4 }}
volumes:
  {{- include "library.volumes" . | trim | nindent 2 }}
{{- end }}

{{- define "library.container" -}}
image: {{ include "library.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy | quote }}
{{- range $field := list "command" "args" }}
{{- with get $.Values $field }}
{{ $field }}:
  {{- range . }}
  - {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .Values.service }}
ports:
  - name: http
    containerPort: {{ .targetPort | int }}
{{- end }}
{{- with include "library.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "library.env-from" . | trim }}
envFrom:
  {{- . | nindent 2 }}
{{- end }}
{{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- with get $.Values $probe }}
{{ $probe }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "library.mounts" . | trim | nindent 2 }}
{{- end }}

{{/* Labels of a pod, and what a team wants to tell its own tools about it. */}}
{{- define "library.pod-metadata" -}}
labels:
  {{- include "library.selector" . | nindent 2 }}
{{- with .Values.podAnnotations }}
annotations:
  {{- include "library.strings" . | trim | nindent 2 }}
{{- end }}
{{- end }}

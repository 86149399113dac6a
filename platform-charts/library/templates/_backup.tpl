{{/* The pods of a backup are not the service's own: its Services and its budget must not take them for members. */}}
{{- define "service.backupSelector" -}}
app.kubernetes.io/name: {{ printf "%s-backup" .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Helm and Kubernetes bound a CronJob's name to 52 characters: its Jobs' names are longer. */}}
{{- define "service.backupName" -}}
{{ include "service.shortened" (dict "name" (printf "%s-backup" .Release.Name) "limit" 52) }}
{{- end }}

{{/*
A CronJob that writes into a volume of its own and keeps the newest `backup.keep` files, the claim for that volume, and
the rule that lets the job reach the service. `root`, `user`; `script` writes the file "$1"; `extension` names its kind;
`environment` is a list of variables; `port` is the service's.
*/}}
{{- define "service.backup" -}}
{{- $backup := .root.Values.backup }}
{{- if $backup.enabled }}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "service.backupName" .root | quote }}
  labels:
    {{- include "service.backupLabels" .root | nindent 4 }}
spec:
  schedule: {{ $backup.schedule | quote }}
  timeZone: Etc/UTC
  # A backup that takes longer than the time between two is not overtaken by the next.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: {{ $backup.deadlineSeconds | int }}
      template:
        metadata:
          labels:
            {{- include "service.backupSelector" .root | nindent 12 }}
        spec:
          restartPolicy: Never
          {{- include "service.pod" . | nindent 10 }}
          containers:
            - name: backup
              image: {{ include "service.image" .root | quote }}
              imagePullPolicy: {{ .root.Values.image.pullPolicy | quote }}
              command:
                - sh
                - -euc
                - |
                  umask 077
                  rm -f /backup/*.partial*
                  file="/backup/$(date -u +%Y-%m-%dT%H-%M-%SZ).{{ .extension }}"
                  backup() {
                    {{ .script }}
                  }
                  backup "$file.partial"
                  test -s "$file.partial"
                  mv "$file.partial" "$file"
                  ls -1 /backup/*.{{ .extension }} | sort -r | tail -n +{{ add1 $backup.keep }} | while read -r old; do rm -- "$old"; done
              env:
                {{- range .environment }}
                - name: {{ .name }}
                  {{- with .valueFrom }}
                  valueFrom: {{ toJson . }}
                  {{- else }}
                  value: {{ .value | quote }}
                  {{- end }}
                {{- end }}
              resources: {{ toJson $backup.resources }}
              securityContext:
                {{- include "service.containerSecurity" . | nindent 16 }}
              volumeMounts:
                - name: backup
                  mountPath: /backup
                - name: tmp
                  mountPath: /tmp
          volumes:
            - name: backup
              persistentVolumeClaim:
                claimName: {{ include "service.backupName" .root | quote }}
            - name: tmp
              emptyDir: {}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "service.backupName" .root | quote }}
  labels:
    {{- include "service.backupLabels" .root | nindent 4 }}
  annotations:
    # Backups outlive the service, and the setting that made them.
    helm.sh/resource-policy: keep
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
spec:
  {{- include "service.claim" $backup.persistence | nindent 2 }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "service.backupName" .root | quote }}
  labels:
    {{- include "service.backupLabels" .root | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "service.backupSelector" .root | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "service.resolve" . | nindent 4 }}
    - to:
        {{- include "service.members" .root | nindent 8 }}
      ports:
        {{- include "service.tcp" (list .port) | trim | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "service.backupLabels" -}}
{{ include "service.backupSelector" . }}
{{ include "service.provenance" . }}
{{- end }}

{{/* The variable `name` with the service's password. */}}
{{- define "service.password" -}}
{{ dict "name" .name "valueFrom" (dict "secretKeyRef" (dict "name" (include "service.secret" .root) "key" "password")) | toJson }}
{{- end }}

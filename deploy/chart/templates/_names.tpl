{{- /* The name of all objects; what is added to it leaves it a DNS label. */}}
{{- define "fieldward.name" -}}
{{- $release := ternary .Release.Name (printf "%s-fieldward" .Release.Name) (contains "fieldward" .Release.Name) -}}
{{- .Values.name | default $release | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- /* By what the Service finds its pods. */}}
{{- define "fieldward.selector" -}}
app.kubernetes.io/name: fieldward
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "fieldward.labels" -}}
{{ include "fieldward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "fieldward.account" -}}
{{- .Values.serviceAccount.name | default (include "fieldward.name" .) -}}
{{- end }}

{{- define "fieldward.secret" -}}
{{- .Values.certificates.secret | default (printf "%s-tls" (include "fieldward.name" .)) -}}
{{- end }}

{{- define "fieldward.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* The configurations that the process may keep: eight hold more rules than there are. */}}
{{- define "fieldward.registrations" -}}
- {{ .Values.registration }}
{{- range $number := untilStep 2 9 1 }}
- {{ $.Values.registration }}-{{ $number }}
{{- end }}
{{- end }}

{{- /* What the restricted Pod Security Standard demands of a pod. */}}
{{- define "fieldward.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAs }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
fsGroup: {{ int . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* What it demands of a container, and a root file system that stays as it is. */}}
{{- define "fieldward.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

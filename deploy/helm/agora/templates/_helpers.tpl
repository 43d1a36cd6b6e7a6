{{/* What things are called, and the labels they bear. */}}

{{/* What is read of the services' contracts: services, streams, traces. */}}
{{- define "agora.catalogue" -}}
{{- .Files.Get "files/services.json" -}}
{{- end }}

{{/* The first part of every name. */}}
{{- define "agora.name" -}}
{{- .Release.Name -}}
{{- end }}

{{/* A service as part of a Kubernetes name. */}}
{{- define "agora.slug" -}}
{{- . | lower | replace "_" "-" -}}
{{- end }}

{{- define "agora.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The labels that choose pods. Takes root, component and, of a share, share. */}}
{{- define "agora.selector" -}}
app.kubernetes.io/name: agora
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .share }}
agora-share: {{ . }}
{{- end }}
{{- end }}

{{/* The labels of a pod; they say no version of the chart, so that a new chart alone restarts nothing. */}}
{{- define "agora.podLabels" -}}
{{ include "agora.selector" . }}
app.kubernetes.io/part-of: agora
{{- end }}

{{/* The labels of every object. Takes root and component. */}}
{{- define "agora.labels" -}}
{{ include "agora.podLabels" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* A Job's name: what it does, the image's tag, and a hash of its pod. A Job's pod cannot be changed, so one that is
   different is another Job, and Helm removes the old. Takes root, name and pod. */}}
{{- define "agora.jobName" -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion | lower | replace "." "-" | replace "_" "-" | replace "+" "-" | trunc 12 -}}
{{- $whole := printf "%s-%s-%s" (include "agora.name" .root) .name $tag -}}
{{- printf "%s-%s" ($whole | trunc 54 | trimSuffix "-") (printf "%s%s" $whole .pod | sha256sum | trunc 8) -}}
{{- end }}

{{/* The Secret of the gateway's operator key. */}}
{{- define "agora.operatorKey" -}}
{{- .Values.operatorKey.existingSecret | default (printf "%s-operator-key" (include "agora.name" .)) -}}
{{- end }}

{{/* The first part of the names of PostgreSQL's Secrets. */}}
{{- define "agora.postgresSecrets" -}}
{{- if eq .Values.mode "external" -}}
{{- .Values.postgres.existingSecretPrefix -}}
{{- else -}}
{{- include "agora.name" . }}-postgres
{{- end -}}
{{- end }}

{{/* Where PostgreSQL is: host:port. Takes root and, of a share, host and port. */}}
{{- define "agora.postgresAddress" -}}
{{- $mode := .root.Values.mode -}}
{{- if eq $mode "operators" -}}
{{- include "agora.name" .root }}-postgres-rw:5432
{{- else if eq $mode "dev" -}}
{{- include "agora.name" .root }}-postgres:5432
{{- else -}}
{{- .host | default .root.Values.postgres.host }}:{{ .port | default .root.Values.postgres.port | int }}
{{- end -}}
{{- end }}

{{/* Where Kafka is. */}}
{{- define "agora.kafkaAddress" -}}
{{- if eq .Values.mode "operators" -}}
{{- include "agora.name" . }}-kafka-kafka-bootstrap:9093
{{- else if eq .Values.mode "dev" -}}
{{- include "agora.name" . }}-kafka:9092
{{- else -}}
{{- .Values.kafka.bootstrap -}}
{{- end -}}
{{- end }}

{{/* The Secret and key of the authority of Kafka's certificate, as JSON; name is empty where there is none. */}}
{{- define "agora.kafkaAuthority" -}}
{{- if eq .Values.mode "operators" -}}
{{- dict "name" (printf "%s-kafka-cluster-ca-cert" (include "agora.name" .)) "key" "ca.crt" | toJson -}}
{{- else if and (eq .Values.mode "external") .Values.kafka.tls.enabled -}}
{{- .Values.kafka.tls.caSecret | toJson -}}
{{- else -}}
{{- dict "name" "" "key" "" | toJson -}}
{{- end -}}
{{- end }}

{{/* The same of PostgreSQL's. */}}
{{- define "agora.postgresAuthority" -}}
{{- if eq .Values.mode "operators" -}}
{{- dict "name" (printf "%s-postgres-ca" (include "agora.name" .)) "key" "ca.crt" | toJson -}}
{{- else if eq .Values.mode "external" -}}
{{- .Values.postgres.caSecret | toJson -}}
{{- else -}}
{{- dict "name" "" "key" "" | toJson -}}
{{- end -}}
{{- end }}

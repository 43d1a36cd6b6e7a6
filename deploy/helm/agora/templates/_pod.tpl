{{/* What pods are made of. */}}

{{/* What every pod of ours says of itself: it may do nothing at all in the cluster. Takes root and account. */}}
{{- define "agora.podBase" -}}
serviceAccountName: {{ include "agora.name" .root }}-{{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The same of every container of ours. Takes root. */}}
{{- define "agora.containerBase" -}}
image: {{ include "agora.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- include "agora.locked" . | nindent 2 }}
{{- end }}

{{- define "agora.locked" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Jobs and whatever else is short takes what a service takes unless it is told otherwise. Takes root. */}}
{{- define "agora.smallResources" -}}
{{- toYaml .root.Values.defaults.resources -}}
{{- end }}

{{/* Folders. Takes root, kafka and postgres: whether it goes there, and so needs the authority of its certificate. */}}
{{- define "agora.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- $kafka := include "agora.kafkaAuthority" .root | fromJson }}
{{- if and .kafka $kafka.name }}
- name: kafka-authority
  secret:
    secretName: {{ $kafka.name }}
    defaultMode: 0440
    items: [{key: {{ $kafka.key | quote }}, path: ca.crt}]
{{- end }}
{{- $postgres := include "agora.postgresAuthority" .root | fromJson }}
{{- if and .postgres $postgres.name }}
- name: postgres-authority
  secret:
    secretName: {{ $postgres.name }}
    defaultMode: 0440
    items: [{key: {{ $postgres.key | quote }}, path: ca.crt}]
{{- end }}
{{- end }}

{{- define "agora.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if and .kafka (include "agora.kafkaAuthority" .root | fromJson).name }}
- {name: kafka-authority, mountPath: /etc/agora/kafka, readOnly: true}
{{- end }}
{{- if and .postgres (include "agora.postgresAuthority" .root | fromJson).name }}
- {name: postgres-authority, mountPath: /etc/agora/postgres, readOnly: true}
{{- end }}
{{- end }}

{{/* What every process is told alike. Takes root. */}}
{{- define "agora.commonEnv" -}}
- {name: AGORA_PARTITIONS, value: {{ .root.Values.partitions | int | quote }}}
{{- with .root.Values.namespacePrefix }}
- {name: AGORA_NAMESPACE, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Kafka, as one who has a login. Takes root and who (a service, or admin). */}}
{{- define "agora.kafkaEnv" -}}
{{- $values := .root.Values -}}
- {name: AGORA_KAFKA, value: {{ include "agora.kafkaAddress" .root | quote }}}
{{- if eq $values.mode "operators" }}
{{- $user := printf "%s-%s" (include "agora.name" .root) .who }}
- {name: AGORA_KAFKA_USER, value: {{ $user | quote }}}
- name: AGORA_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $user }}, key: password}}
{{- else if and (eq $values.mode "external") $values.kafka.existingSecretPrefix }}
{{- $secret := eq .who "admin" | ternary $values.kafka.admin.existingSecret (printf "%s-%s" $values.kafka.existingSecretPrefix .who) }}
- name: AGORA_KAFKA_USER
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: username}}
- name: AGORA_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: password}}
{{- end }}
{{- if (include "agora.kafkaAuthority" .root | fromJson).name }}
- {name: AGORA_KAFKA_CA, value: /etc/agora/kafka/ca.crt}
{{- else if and (eq $values.mode "external") $values.kafka.tls.enabled }}
- {name: AGORA_KAFKA_TLS, value: "true"}
{{- end }}
{{- end }}

{{/* A service's database, as its runtime role or, with owner, as its owner. Kubernetes puts the login into the URL.
   Takes root, unit and owner. */}}
{{- define "agora.databaseEnv" -}}
{{- $values := .root.Values -}}
{{- $secret := printf "%s-%s%s" (include "agora.postgresSecrets" .root) .unit.slug (.owner | ternary "-owner" "") -}}
{{- $address := include "agora.postgresAddress" (dict "root" .root "host" .unit.host "port" .unit.port) -}}
{{- $ssl := "" -}}
{{- if eq $values.mode "operators" -}}
  {{- $ssl = "verify-full" -}}
{{- else if eq $values.mode "external" -}}
  {{- $ssl = $values.postgres.sslmode -}}
{{- end -}}
{{- $query := "" -}}
{{- with $ssl -}}
  {{- $query = printf "?sslmode=%s" . -}}
  {{- if (include "agora.postgresAuthority" $.root | fromJson).name -}}
    {{- $query = printf "%s&sslrootcert=/etc/agora/postgres/ca.crt" $query -}}
  {{- else if hasPrefix "verify-" . -}}
    {{- $query = printf "%s&sslrootcert=/etc/ssl/certs/ca-certificates.crt" $query -}}
  {{- end -}}
{{- end -}}
- name: DATABASE_USER
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: username}}
- name: DATABASE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: password}}
- name: AGORA_DATABASE
  value: {{ printf "postgresql://$(DATABASE_USER):$(DATABASE_PASSWORD)@%s/%s%s%s" $address $values.namespacePrefix (.unit.database | default .unit.entry.database) $query | quote }}
{{- if and .unit.share (not .owner) }}
- {name: AGORA_SHARE, value: {{ .unit.share | quote }}}
{{- end }}
{{- end }}

{{/* Variables of people's own. Those that the chart sets are not among them: a name that is there twice is refused by the
   API server in words that nobody understands. Takes where and env. */}}
{{- define "agora.ownEnv" -}}
{{- $taken := list "AGORA_KAFKA" "AGORA_KAFKA_USER" "AGORA_KAFKA_PASSWORD" "AGORA_KAFKA_CA" "AGORA_KAFKA_TLS" "AGORA_DATABASE" "AGORA_PARTITIONS" "AGORA_NAMESPACE" "AGORA_SHARE" "AGORA_TURN_SECONDS" "AGORA_STOP_SECONDS" "AGORA_WATCH" "AGORA_HTTP" "AGORA_OPERATOR_KEY" "DATABASE_USER" "DATABASE_PASSWORD" -}}
{{- range $name := keys .env | sortAlpha -}}
{{- $value := get $.env $name -}}
{{- if has $name $taken -}}
  {{- fail (printf "%s.env: %s is set by the chart itself" $.where $name) -}}
{{- end }}
{{- if kindIs "map" $value }}
- name: {{ $name }}
  valueFrom:
    {{- toYaml $value | nindent 4 }}
{{- else }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Where pods may be. Takes spec and selector. */}}
{{- define "agora.placing" -}}
{{- with .spec.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew | int }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $.selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

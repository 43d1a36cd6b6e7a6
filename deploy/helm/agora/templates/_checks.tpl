{{/* What cannot work is refused before anything is made, in words that say what to change. */}}

{{- define "agora.checks" -}}
{{- include "agora.checkRelease" . -}}
{{- include "agora.checkServices" . -}}
{{- include "agora.checkStop" . -}}
{{- if eq .Values.mode "external" -}}
  {{- include "agora.checkExternal" . -}}
{{- end -}}
{{- include "agora.checkKinds" . -}}
{{- if and .Values.traces.enabled (not .Values.traces.otlp) -}}
  {{- fail "traces.otlp: say where the collector is, such as http://collector:4318" -}}
{{- end -}}
{{- if and .Values.gateway.ingress.enabled (not .Values.gateway.ingress.host) -}}
  {{- fail "gateway.ingress.host: say which host's name the Ingress answers to" -}}
{{- end -}}
{{- end }}

{{- define "agora.checkRelease" -}}
{{- if gt (len .Release.Name) 30 -}}
  {{- fail (printf "the release's name %q is longer than 30 characters; names of Kubernetes would not hold it" .Release.Name) -}}
{{- end -}}
{{- if eq .Values.image.tag "latest" -}}
  {{- fail "image.tag: latest is another image every day; name a version" -}}
{{- end -}}
{{- end }}

{{- define "agora.checkServices" -}}
{{- $catalogue := include "agora.catalogue" . | fromJson -}}
{{- range $service, $_ := .Values.services -}}
  {{- if not (hasKey $catalogue.services $service) -}}
    {{- fail (printf "services.%s: there is no such service; there are %s" $service (keys $catalogue.services | sortAlpha | join ", ")) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* 16 seconds: 5 for calls to the outside to end, 1 for the producer, 10 for PostgreSQL's connection. */}}
{{- define "agora.checkStop" -}}
{{- $turn := int .Values.stop.turnSeconds -}}
{{- $graceful := int .Values.stop.gracefulSeconds -}}
{{- $end := int .Values.stop.terminationGraceSeconds -}}
{{- if ge $turn $graceful -}}
  {{- fail (printf "stop.turnSeconds (%d) must be below stop.gracefulSeconds (%d): a turn batch is ended before a process goes" $turn $graceful) -}}
{{- end -}}
{{- $needed := add $graceful 16 .Values.gateway.preStopSeconds | int -}}
{{- if lt $end $needed -}}
  {{- fail (printf "stop.terminationGraceSeconds (%d) must be %d at least: gateway.preStopSeconds (%d), stop.gracefulSeconds (%d), and 16 to close" $end $needed (int .Values.gateway.preStopSeconds) $graceful) -}}
{{- end -}}
{{- end }}

{{- define "agora.checkExternal" -}}
{{- if not .Values.kafka.bootstrap -}}
  {{- fail "kafka.bootstrap: say where Kafka is (host:port), or choose another mode (operators, dev)" -}}
{{- end -}}
{{- if not .Values.operatorKey.existingSecret -}}
  {{- fail "operatorKey.existingSecret: name the Secret with the operator's key of the gateway, or nobody can ask it anything" -}}
{{- end -}}
{{- if and .Values.kafka.existingSecretPrefix .Values.jobs.topics.enabled (not .Values.kafka.admin.existingSecret) -}}
  {{- fail "kafka.admin.existingSecret: name the Secret of one that may make topics, or make them yourself with jobs.topics.enabled=false" -}}
{{- end -}}
{{- end }}

{{/* Takes root and unit. */}}
{{- define "agora.checkUnit" -}}
{{- $unit := .unit -}}
{{- $where := printf "services.%s" $unit.service -}}
{{- if and (eq .root.Values.mode "external") (not $unit.host) (not .root.Values.postgres.host) -}}
  {{- fail (printf "postgres.host: say where PostgreSQL is (%s has no shares that do), or choose another mode (operators, dev)" $where) -}}
{{- end -}}
{{- if not $unit.entry.door -}}
  {{- $count := ne $unit.share "" | ternary (len $unit.numbers) (int .root.Values.partitions) -}}
  {{- $of := ne $unit.share "" | ternary (printf "share %s" $unit.share) "the stream" -}}
  {{- if $unit.scaling.enabled -}}
    {{- if gt (int $unit.scaling.minReplicas) $count -}}
      {{- fail (printf "%s: autoscaling.minReplicas is %d, but %s has %d partitions: the rest would have nothing to do" $where (int $unit.scaling.minReplicas) $of $count) -}}
    {{- end -}}
    {{- if gt (int $unit.scaling.maxReplicas) (int .root.Values.partitions) -}}
      {{- fail (printf "%s: autoscaling.maxReplicas is %d, but there are %d partitions: the rest would have nothing to do" $where (int $unit.scaling.maxReplicas) (int .root.Values.partitions)) -}}
    {{- end -}}
    {{- if gt (int $unit.scaling.minReplicas) (int $unit.scaling.maxReplicas) -}}
      {{- fail (printf "%s: autoscaling.minReplicas (%d) is above autoscaling.maxReplicas (%d)" $where (int $unit.scaling.minReplicas) (int $unit.scaling.maxReplicas)) -}}
    {{- end -}}
    {{- if and (eq $unit.scaling.kind "keda") (not $unit.scaling.prometheusAddress) -}}
      {{- fail "autoscaling.prometheusAddress: KEDA asks Prometheus how far services are behind; say where it is, or choose autoscaling.kind=hpa" -}}
    {{- end -}}
  {{- else if gt (int $unit.replicas) $count -}}
    {{- fail (printf "%s: %d replicas, but %s has %d partitions: the rest would have nothing to do" $where (int $unit.replicas) $of $count) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* Kinds that only an operator brings are not made where it is not there. */}}
{{- define "agora.checkKinds" -}}
{{- $needed := dict -}}
{{- if eq .Values.mode "operators" -}}
  {{- range $kind := list "Kafka" "KafkaNodePool" "KafkaTopic" "KafkaUser" -}}
    {{- $_ := set $needed (printf "kafka.strimzi.io/v1/%s" $kind) "mode operators needs Strimzi 0.49 or later" -}}
  {{- end -}}
  {{- range $kind := list "Cluster" "Database" -}}
    {{- $_ := set $needed (printf "postgresql.cnpg.io/v1/%s" $kind) "mode operators needs CloudNativePG 1.25 or later" -}}
  {{- end -}}
{{- end -}}
{{- if include "agora.usesKeda" . -}}
  {{- $_ := set $needed "keda.sh/v1alpha1/ScaledObject" "autoscaling.kind=keda needs KEDA; there is also hpa" -}}
{{- end -}}
{{- if .Values.monitoring.podMonitor.enabled -}}
  {{- $_ := set $needed "monitoring.coreos.com/v1/PodMonitor" "monitoring.podMonitor needs the Prometheus Operator" -}}
{{- end -}}
{{- $missing := list -}}
{{- $words := list -}}
{{- range $kind := keys $needed | sortAlpha -}}
  {{- if not ($.Capabilities.APIVersions.Has $kind) -}}
    {{- $missing = append $missing $kind -}}
    {{- $words = append $words (get $needed $kind) -}}
  {{- end -}}
{{- end -}}
{{- if $missing -}}
  {{- fail (printf "the cluster does not know %s: %s. (To render without a cluster, pass each with --api-versions.)" (join ", " $missing) (uniq $words | join "; ")) -}}
{{- end -}}
{{- end }}

{{/* Not empty where a service is scaled by KEDA. */}}
{{- define "agora.usesKeda" -}}
{{- $whole := .Values.autoscaling -}}
{{- $found := and $whole.enabled (eq $whole.kind "keda") -}}
{{- range $_, $own := .Values.services -}}
  {{- $said := get ($own | default dict) "autoscaling" | default dict -}}
  {{- $enabled := hasKey $said "enabled" | ternary $said.enabled $whole.enabled -}}
  {{- $kind := $said.kind | default $whole.kind -}}
  {{- if and $enabled (eq $kind "keda") -}}
    {{- $found = true -}}
  {{- end -}}
{{- end -}}
{{- if $found }}yes{{ end -}}
{{- end }}

{{/* What runs: a unit is one Deployment with one database, so a service has one, or one for each of its shares. */}}

{{/* Every unit, as JSON: {"units": [{service, slug, stream, door, share, mark, host, port, partitions, replicas, scaling,
   spec, …}]}. Nothing is rendered that could not work. */}}
{{- define "agora.plan" -}}
{{- include "agora.checks" . -}}
{{- $catalogue := include "agora.catalogue" . | fromJson -}}
{{- $units := list -}}
{{- range $service := keys $catalogue.services | sortAlpha -}}
  {{- $entry := get $catalogue.services $service -}}
  {{- $own := get $.Values.services $service | default dict -}}
  {{- $spec := include "agora.spec" (dict "defaults" $.Values.defaults "own" $own "door" $entry.door) | fromJson -}}
  {{- $scaling := deepCopy $.Values.autoscaling -}}
  {{- range $key, $value := $own.autoscaling | default dict -}}
    {{- $_ := set $scaling $key $value -}}
  {{- end -}}
  {{- if $entry.door -}}
    {{- if and $own.autoscaling $scaling.enabled -}}
      {{- fail (printf "services.%s.autoscaling: several doors take turns and share no load, so more of them are no help" $service) -}}
    {{- end -}}
    {{- $_ := set $scaling "enabled" false -}}
  {{- end -}}
  {{- $unit := dict "service" $service "slug" (include "agora.slug" $service) "entry" $entry "spec" $spec "scaling" $scaling -}}
  {{- if $own.shares -}}
    {{- range $number, $share := include "agora.shares" (dict "root" $ "service" $service "shares" $own.shares "door" $entry.door) | fromJsonArray -}}
      {{- $part := merge (dict "mark" (printf "s%d" (int $number)) "share" $share.partitions "numbers" $share.numbers "host" $share.host "database" ($share.database | default "") "port" ($share.port | default 0) "replicas" ($share.replicas | default $spec.replicas)) $unit -}}
      {{- $units = append $units $part -}}
    {{- end -}}
  {{- else -}}
    {{- $units = append $units (merge (dict "mark" "" "share" "" "numbers" list "host" "" "database" "" "port" 0 "replicas" $spec.replicas) $unit) -}}
  {{- end -}}
{{- end -}}
{{- range $unit := $units -}}
  {{- include "agora.checkUnit" (dict "root" $ "unit" $unit) -}}
{{- end -}}
{{- dict "units" $units | toJson -}}
{{- end }}

{{/* A unit's name without the release's: the service's, and of a share its number. */}}
{{- define "agora.unitName" -}}
{{- .slug }}{{ if .mark }}-{{ .mark }}{{ end -}}
{{- end }}

{{/* What a service has: the defaults, and what is its own. Takes defaults, own, door. */}}
{{- define "agora.spec" -}}
{{- $spec := deepCopy .defaults -}}
{{- if .door -}}
  {{- $_ := set $spec "replicas" 1 -}}
{{- end -}}
{{- range $key, $value := .own -}}
  {{- if has $key (list "env" "podAnnotations") -}}
    {{- range $name, $said := $value -}}
      {{- $_ := set (get $spec $key) $name $said -}}
    {{- end -}}
  {{- else -}}
    {{- $_ := set $spec $key $value -}}
  {{- end -}}
{{- end -}}
{{- $spec | toJson -}}
{{- end }}

{{/* A service's shares, each with the numbers of its partitions, as JSON. They must be disjoint, and all there is: a
   partition that nobody serves stands still, and one that two databases serve is decided twice. */}}
{{- define "agora.shares" -}}
{{- $where := printf "services.%s.shares" .service -}}
{{- if ne .root.Values.mode "external" -}}
  {{- fail (printf "%s: shares are of servers of your own, so of mode external" $where) -}}
{{- end -}}
{{- if .door -}}
  {{- fail (printf "%s: the door hears no stream, so it has no partitions to share" $where) -}}
{{- end -}}
{{- $count := int .root.Values.partitions -}}
{{- $taken := dict -}}
{{- $places := dict -}}
{{- $shares := list -}}
{{- range $share := .shares -}}
  {{- $numbers := list -}}
  {{- range $part := splitList "," $share.partitions -}}
    {{- $ends := splitList "-" $part -}}
    {{- $first := first $ends | int -}}
    {{- $last := last $ends | int -}}
    {{- if or (gt $first $last) (ge $last $count) -}}
      {{- fail (printf "%s: %q is not within partitions 0 to %d" $where $part (sub $count 1)) -}}
    {{- end -}}
    {{- range $number := untilStep $first (add $last 1 | int) 1 -}}
      {{- if hasKey $taken (toString $number) -}}
        {{- fail (printf "%s: partition %d is in %q and in %q; a partition belongs to one share" $where $number (get $taken (toString $number)) $share.partitions) -}}
      {{- end -}}
      {{- $_ := set $taken (toString $number) $share.partitions -}}
      {{- $numbers = append $numbers $number -}}
    {{- end -}}
  {{- end -}}
  {{- $place := printf "%s:%d/%s" $share.host (int ($share.port | default $.root.Values.postgres.port)) ($share.database | default "") -}}
  {{- if hasKey $places $place -}}
    {{- fail (printf "%s: %q and %q are in the same database; each share has one of its own: say which with database" $where (get $places $place) $share.partitions) -}}
  {{- end -}}
  {{- $_ := set $places $place $share.partitions -}}
  {{- $shares = append $shares (merge (dict "numbers" $numbers) $share) -}}
{{- end -}}
{{- range $number := until $count -}}
  {{- if not (hasKey $taken (toString $number)) -}}
    {{- fail (printf "%s: partition %d is in no share; together they must be 0 to %d" $where $number (sub $count 1)) -}}
  {{- end -}}
{{- end -}}
{{- $shares | toJson -}}
{{- end }}

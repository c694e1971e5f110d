{{/* Name of the operator's objects. */}}
{{- define "weft.operator" -}}
{{- if contains "weft" .Release.Name -}}
{{ printf "%s-operator" .Release.Name }}
{{- else -}}
{{ printf "%s-weft-operator" .Release.Name }}
{{- end -}}
{{- end }}

{{/* By which the operator's pods are selected. They stay as they are from version to version. */}}
{{- define "weft.selector" -}}
app.kubernetes.io/name: weft-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/*
Labels of every object. `app.kubernetes.io/managed-by` is Helm's to set; the value weft-operator, by which the operator
knows its own objects, must never stand here.
*/}}
{{- define "weft.labels" -}}
{{ include "weft.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: weft
{{- end }}

{{/* Reference of an image; takes {image, appVersion}. */}}
{{- define "weft.image" -}}
{{- if .image.digest -}}
{{ printf "%s@%s" .image.repository .image.digest }}
{{- else -}}
{{ printf "%s:%s" .image.repository (.image.tag | default .appVersion) }}
{{- end -}}
{{- end }}

{{/* With scope namespaced: the Kubernetes namespaces to look after, separated by commas. */}}
{{- define "weft.watchNamespaces" -}}
{{ .Values.watchNamespaces | default (list .Release.Namespace) | uniq | join "," }}
{{- end }}

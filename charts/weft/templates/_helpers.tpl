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

{{/* Name of what connects pods with the label weft.dev/connect; cluster-wide, so a release each. */}}
{{- define "weft.connectPolicy" -}}
{{ printf "%s-connect" .Release.Name }}
{{- end }}

{{/*
What every container of a list (`containers`, `initContainers`) gets, in CEL. The policy may be evaluated again after
others have changed the pod, so it must not put a second time what is there.
*/}}
{{- define "weft.connectContainers" -}}
{{ . }}: (has(object.spec.{{ . }}) ? object.spec.{{ . }} : []).map(c, Object.spec.{{ . }}{
  name: c.name,
  env: variables.settings.filter(s,
    !has(c.env) || !c.env.exists(e, e.name == s[0]) ||
    (s[0] in variables.joined && c.env.exists(e, e.name == s[0] && has(e.value) && !e.value.contains(s[1])))
  ).map(s, Object.spec.{{ . }}.env{
    name: s[0],
    value: has(c.env) && c.env.exists(e, e.name == s[0])
      ? s[1] + variables.joined[s[0]] + c.env.filter(e, e.name == s[0])[0].value
      : s[1]
  }),
  volumeMounts: [
    Object.spec.{{ . }}.volumeMounts{name: 'weft-trust', mountPath: variables.trust, readOnly: true},
    Object.spec.{{ . }}.volumeMounts{name: 'weft-token', mountPath: '/var/run/weft/token', readOnly: true}
  ]
})
{{- end }}

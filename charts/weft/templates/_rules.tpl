{{/*
What the operator may do in a Kubernetes namespace that it looks after. Whoever adds a rule says what it is for; a test
refuses one without a reason.

It may create Roles without the right to escalate: what it gives to a broker (to read and patch single, named ConfigMaps,
to read a single Secret, and to ask what the bearer of a token may do) it holds itself.
*/}}
{{- define "weft.rules" -}}
# What users declare: read and followed, never written.
- apiGroups: [weft.dev]
  resources: [eventnamespaces, topics, eventsubscriptions, hubs]
  verbs: [get, list, watch]
# What became of it: the status of these resources.
- apiGroups: [weft.dev]
  resources: [eventnamespaces/status, topics/status, eventsubscriptions/status, hubs/status]
  verbs: [patch]
# Configuration and report of each broker, its copy of positions, and the certificates that programs trust. Only those
# with the operator's label are followed; RBAC cannot say that.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, patch, delete]
# Keys and certificates of each broker, connection settings for programs, and the Secrets that users offer with the
# label weft.dev/usable. Only those with the operator's or that label are followed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
# The two addresses of each Namespace: of its endpoint, and of its checkpoints.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# Who each broker is towards the API server.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# The volume of each Namespace: it grows when the spec says so, and goes when the grace period of its data is over.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# The brokers' pods are made by their StatefulSet; the operator replaces one by deleting it.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
# Runs the broker.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# Lets a node drain take one broker at a time.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Which ports of a broker can be reached.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Never used by the operator, and held only because it gives it to each broker: to ask whether the bearer of a token may
# send, receive or manage in the broker's own namespace. Nothing is kept of a question.
- apiGroups: [authorization.k8s.io]
  resources: [localsubjectaccessreviews]
  verbs: [create]
# What each broker may read, report and ask: its own objects, named one by one.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
# Tells users what happened to their resources (kubectl describe); patch counts repetitions.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/*
What the bearers of tokens may do with events, under the names of Azure's built-in roles. The API server knows these verbs
from nowhere else: brokers ask it for them, about the entity first and then about its Namespace. A rule without names
holds for every entity of the Kubernetes namespace in which the role is bound; for a single one, copy the role and name it
in resourceNames.
*/}}
{{- define "weft.dataRoles" -}}
azure-event-hubs-data-owner:
  # Everything with event hubs: send, receive, and whatever their keys with Manage allow.
  - apiGroups: [weft.dev]
    resources: [hubs]
    verbs: [send, receive, manage]
azure-event-hubs-data-sender:
  # Producers of event hubs.
  - apiGroups: [weft.dev]
    resources: [hubs]
    verbs: [send]
azure-event-hubs-data-receiver:
  # Consumers of event hubs. Those that keep checkpoints here need storage-blob-data-contributor, too.
  - apiGroups: [weft.dev]
    resources: [hubs]
    verbs: [receive]
eventgrid-data-sender:
  # Publishers to topics.
  - apiGroups: [weft.dev]
    resources: [topics]
    verbs: [send]
eventgrid-data-receiver:
  # Receivers of event subscriptions; on the topic, of all of its subscriptions.
  - apiGroups: [weft.dev]
    resources: [topics, eventsubscriptions]
    verbs: [receive]
eventgrid-data-contributor:
  # Everything with topics and event subscriptions.
  - apiGroups: [weft.dev]
    resources: [topics, eventsubscriptions]
    verbs: [send, receive, manage]
storage-blob-data-contributor:
  # Consumers that keep checkpoints: read, write and delete them and their containers. Nothing of any event.
  - apiGroups: [weft.dev]
    resources: [eventnamespaces/checkpoints]
    verbs: [send, receive, manage]
storage-blob-data-reader:
  # Those who watch how far consumers are.
  - apiGroups: [weft.dev]
    resources: [eventnamespaces/checkpoints]
    verbs: [receive]
{{- end }}

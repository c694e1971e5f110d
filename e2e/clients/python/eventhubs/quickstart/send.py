"""Sends three events to an event hub, in one batch."""

import os

from azure.eventhub import EventData, EventHubProducerClient

producer = EventHubProducerClient.from_connection_string(
    conn_str=os.environ["EVENT_HUB_CONNECTION_STR"],
    eventhub_name=os.environ["EVENT_HUB_NAME"],
)
with producer:
    batch = producer.create_batch()
    for text in ("first event", "second event", "third event"):
        batch.add(EventData(text))
    producer.send_batch(batch)
print("sent")

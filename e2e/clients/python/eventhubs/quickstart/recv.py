"""Receives every event of an event hub, from the beginning, until it is interrupted."""

import os

from azure.eventhub import EventHubConsumerClient


def on_event(partition_context, event):
    print(f'received "{event.body_as_str(encoding="UTF-8")}" from partition {partition_context.partition_id}')
    partition_context.update_checkpoint(event)


consumer = EventHubConsumerClient.from_connection_string(
    conn_str=os.environ["EVENT_HUB_CONNECTION_STR"],
    consumer_group="$Default",
    eventhub_name=os.environ["EVENT_HUB_NAME"],
)
with consumer:
    consumer.receive(on_event=on_event, starting_position="-1")

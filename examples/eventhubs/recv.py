"""Receive every event of an event hub, from the first one that it still has, until Ctrl-C.

Azure's own SDK (pip install azure-eventhub), unmodified; where to connect comes from the environment:

    weft exec shop -- python3 examples/eventhubs/recv.py
"""

import asyncio
import os

from azure.eventhub.aio import EventHubConsumerClient

CONNECTION = os.environ["EVENT_HUB_CONNECTION_STR"]
HUB = os.environ.get("EVENT_HUB_NAME", "telemetry")


async def on_event(partition_context, event):
    print(f"received {event.body_as_str()!r} from partition {partition_context.partition_id}", flush=True)
    # Kept in a checkpoint store, if the client has one; without it, the next run begins at the first event again.
    await partition_context.update_checkpoint(event)


async def main():
    consumer = EventHubConsumerClient.from_connection_string(
        conn_str=CONNECTION, consumer_group="$Default", eventhub_name=HUB
    )
    async with consumer:
        await consumer.receive(on_event=on_event, starting_position="-1")


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass

"""Sends three events to an event hub, in one batch, asynchronously."""

import asyncio
import os

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient


async def run():
    producer = EventHubProducerClient.from_connection_string(
        conn_str=os.environ["EVENT_HUB_CONNECTION_STR"],
        eventhub_name=os.environ["EVENT_HUB_NAME"],
    )
    async with producer:
        batch = await producer.create_batch()
        for text in ("first event", "second event", "third event"):
            batch.add(EventData(text))
        await producer.send_batch(batch)
    print("sent")


asyncio.run(run())

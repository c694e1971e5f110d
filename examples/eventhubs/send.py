"""Send three events to an event hub.

Azure's own SDK (pip install azure-eventhub), unmodified; where to connect comes from the environment:

    weft exec shop -- python3 examples/eventhubs/send.py
"""

import asyncio
import os

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

CONNECTION = os.environ["EVENT_HUB_CONNECTION_STR"]
HUB = os.environ.get("EVENT_HUB_NAME", "telemetry")


async def main():
    producer = EventHubProducerClient.from_connection_string(conn_str=CONNECTION, eventhub_name=HUB)
    async with producer:
        batch = await producer.create_batch()
        for number in range(1, 4):
            batch.add(EventData(f"measurement {number}"))
        await producer.send_batch(batch)
    print(f"sent 3 events to {HUB}")


asyncio.run(main())

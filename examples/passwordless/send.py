import asyncio
import os

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient
from azure.identity.aio import DefaultAzureCredential

EVENT_HUB_FULLY_QUALIFIED_NAMESPACE = os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"]
EVENT_HUB_NAME = os.environ["EVENT_HUB_NAME"]


async def main():
    async with DefaultAzureCredential() as credential:
        producer = EventHubProducerClient(
            fully_qualified_namespace=EVENT_HUB_FULLY_QUALIFIED_NAMESPACE,
            eventhub_name=EVENT_HUB_NAME,
            credential=credential,
        )
        async with producer:
            batch = await producer.create_batch()
            for number in range(1, 4):
                batch.add(EventData(f"measurement {number}"))
            await producer.send_batch(batch)
    print(f"sent 3 events to {EVENT_HUB_NAME}")


asyncio.run(main())

import asyncio
import os

from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.identity.aio import DefaultAzureCredential

EVENT_HUB_FULLY_QUALIFIED_NAMESPACE = os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"]
EVENT_HUB_NAME = os.environ["EVENT_HUB_NAME"]
BLOB_STORAGE_ACCOUNT_URL = os.environ["BLOB_STORAGE_ACCOUNT_URL"]
BLOB_CONTAINER_NAME = os.environ["BLOB_CONTAINER_NAME"]


async def on_event(partition_context, event):
    print(f"received {event.body_as_str()!r} from partition {partition_context.partition_id}", flush=True)
    await partition_context.update_checkpoint(event)


async def main():
    async with DefaultAzureCredential() as credential:
        checkpoint_store = BlobCheckpointStore(
            blob_account_url=BLOB_STORAGE_ACCOUNT_URL,
            container_name=BLOB_CONTAINER_NAME,
            credential=credential,
        )
        consumer = EventHubConsumerClient(
            fully_qualified_namespace=EVENT_HUB_FULLY_QUALIFIED_NAMESPACE,
            eventhub_name=EVENT_HUB_NAME,
            consumer_group="$Default",
            checkpoint_store=checkpoint_store,
            credential=credential,
        )
        async with consumer:
            await consumer.receive(on_event=on_event, starting_position="-1")


asyncio.run(main())

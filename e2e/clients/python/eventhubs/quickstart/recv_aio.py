"""Receives every event of an event hub, from the beginning, until it is interrupted, asynchronously."""

import asyncio
import os

from azure.eventhub.aio import EventHubConsumerClient


async def on_event(partition_context, event):
    print(f'received "{event.body_as_str(encoding="UTF-8")}" from partition {partition_context.partition_id}')
    await partition_context.update_checkpoint(event)


async def run():
    consumer = EventHubConsumerClient.from_connection_string(
        conn_str=os.environ["EVENT_HUB_CONNECTION_STR"],
        consumer_group="$Default",
        eventhub_name=os.environ["EVENT_HUB_NAME"],
    )
    async with consumer:
        await consumer.receive(on_event=on_event, starting_position="-1")


asyncio.run(run())

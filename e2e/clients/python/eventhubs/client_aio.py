"""Scenarios on azure-eventhub, its asynchronous clients. Usage: client_aio.py [REQUEST]..., see contract.py"""

import asyncio
import os
import sys

from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.aio._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore
from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore
from azure.identity.aio import DefaultAzureCredential

from contract import (
    checkpoint_store,
    claims,
    clients,
    consumer_group,
    consumers,
    destination,
    event,
    events,
    failure,
    hub,
    open_client,
    position,
    requests,
    say,
    say_checkpoint,
    say_event,
    say_hub,
    say_partition,
)


def producer(request, **more):
    return open_client(EventHubProducerClient, {**clients(request), **more}, DefaultAzureCredential)


class Receiving:
    """A consumer client that receives in a task of its own; what it is told waits in a queue."""

    def __init__(self, request, store=None, **options):
        keywords = {**consumers(request), "checkpoint_store": store}
        self.client = open_client(EventHubConsumerClient, keywords, DefaultAzureCredential)
        self.told = asyncio.Queue()
        self.options = options

    async def on_event(self, context, data):
        await self.told.put((context, data, None))

    async def on_error(self, context, error):
        await self.told.put((context, None, error))

    async def event(self, timeout):
        """The next event, or None; raises what the consumer was told."""
        try:
            context, data, error = await asyncio.wait_for(self.told.get(), timeout)
        except asyncio.TimeoutError:
            return None
        if error:
            raise error
        return context, data

    async def error(self, timeout):
        """The next error; events before it do not matter."""
        while True:
            _, _, error = await asyncio.wait_for(self.told.get(), timeout)
            if error:
                return error

    async def __aenter__(self):
        receive = self.client.receive(on_event=self.on_event, on_error=self.on_error, **self.options)
        self.task = asyncio.create_task(receive)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        await asyncio.wait([self.task], timeout=10)


async def properties(request):
    async with producer(request) as client:
        if "partition_id" in request:
            say_partition(await client.get_partition_properties(request["partition_id"]))
            return
        found = await client.get_eventhub_properties()
        say_hub(found)
        for partition_id in found["partition_ids"]:
            say_partition(await client.get_partition_properties(partition_id))


async def send(request):
    mode = {"single": send_single, "batch": send_batch, "list": send_list, "buffered": send_buffered}
    await mode[request["mode"]](request, events(request))


async def send_single(request, sent):
    async with producer(request) as client:
        for data in sent:
            await client.send_event(data, **destination(request))
            say("sent", {"events": 1})


async def send_batch(request, sent):
    async with producer(request) as client:
        batch = await client.create_batch(**destination(request))
        for data in sent:
            batch.add(data)
        await client.send_batch(batch)
    say("sent", {"events": len(sent)})


async def send_list(request, sent):
    async with producer(request) as client:
        await client.send_batch(sent, **destination(request))
    say("sent", {"events": len(sent)})


async def send_buffered(request, sent):
    errors = []

    async def on_success(accepted, partition_id):
        say("sent", {"events": len(accepted), "partition_id": partition_id})

    async def on_error(_events, _partition_id, error):
        errors.append(error)

    async with producer(request, buffered_mode=True, on_success=on_success, on_error=on_error) as client:
        for data in sent:
            await client.send_event(data, **destination(request))
        await client.flush()
    if errors:
        raise errors[0]


async def receive(request):
    options = {"partition_id": request["partition_id"], **position(request)}
    if "owner_level" in request:
        options["owner_level"] = request["owner_level"]
    options["track_last_enqueued_event_properties"] = request.get("track", False)
    async with Receiving(request, **options) as receiving:
        stop = asyncio.Event()
        trickling = asyncio.create_task(trickle(request, stop)) if "trickle" in request else None
        try:
            for _ in range(request["count"]):
                got = await receiving.event(request["timeout"])
                if got is None:
                    break
                say_event(*got)
        finally:
            stop.set()
            if trickling:
                await trickling


async def trickle(request, stop):
    """Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition."""
    async with producer(request) as client:
        while not stop.is_set():
            await asyncio.sleep(0.3)
            await client.send_batch([event(request["trickle"])], partition_id=request["partition_id"])


async def epoch(request):
    """A higher owner level takes the partition over; a lower one and none at all are refused."""
    options = {"partition_id": request["partition_id"], "starting_position": "-1"}
    async with Receiving(request, owner_level=1, **options) as first:
        assert await first.event(request["timeout"]), "the first receiver got nothing"
        async with Receiving(request, owner_level=2, **options) as second:
            got = await second.event(request["timeout"])
            assert got, "the second receiver got nothing"
            say_event(*got)
            say("disconnected", failure(await first.error(request["timeout"])))
            for level in ({"owner_level": 1}, {}):
                async with Receiving(request, **level, **options) as late:
                    say("refused", failure(await late.error(request["timeout"])))


async def processor(request):
    """A second processor goes on where the first one left a checkpoint."""
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential) or InMemoryCheckpointStore()
    await process(request, store, 1, request["count"])
    async with producer(request) as client:
        for data in events(request):
            await client.send_batch([data])
    await process(request, store, 2, len(request["events"]))


async def process(request, store, number, count):
    async with Receiving(request, store, starting_position="-1") as receiving:
        for _ in range(count):
            got = await receiving.event(request["timeout"])
            assert got, f"fewer than {count} events in round {number}"
            context, data = got
            say_event(context, data, {"round": number})
            await context.update_checkpoint(data)


async def stream_send(request):
    """Sends an event after the other until a line comes in, whatever happens to the broker."""
    stop = line_comes()
    number = 0
    async with producer(request) as client:
        while not stop.done():
            body = f"{request['prefix']}{number}"
            number += 1
            try:
                await client.send_batch([event({"body": body})], partition_id=request["partition_id"])
                say("acknowledged", body)
            except Exception as error:
                say("failed", {"body": body, "error": failure(error)})
            await asyncio.sleep(request.get("pause", 0.01))


async def stream_receive(request):
    """Receives until a line comes in; a checkpoint in memory brings the SDK back to where it was."""
    stop = line_comes()
    async with Receiving(request, partition_id=request["partition_id"], **position(request)) as receiving:
        while not stop.done():
            try:
                got = await receiving.event(0.1)
            except Exception as error:
                say("trouble", failure(error))
                continue
            if got:
                context, data = got
                say_event(context, data)
                await context.update_checkpoint(data)


async def stream_process(request):
    """Takes its share of the partitions of a group, with checkpoints in a container, until a line comes in."""
    stop = line_comes()
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential)

    async def on_event(context, data):
        say_event(context, data)
        try:
            await context.update_checkpoint(data)
        except Exception as error:
            say("trouble", failure(error))
        else:
            say_checkpoint(context, data)

    async def on_error(_context, error):
        say("trouble", failure(error))

    keywords = {**consumers(request), "checkpoint_store": store}
    client = open_client(EventHubConsumerClient, keywords, DefaultAzureCredential)
    async with client:
        receiving = asyncio.create_task(client.receive(on_event=on_event, on_error=on_error, starting_position="-1"))
        await asyncio.wait([stop, receiving], return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([receiving], timeout=10)


async def claim(request):
    """Looks who owns the partitions, and asks for all of them at once when a line comes in."""
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential)
    namespace = os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"]
    async with store:
        listed = await store.list_ownership(namespace, hub(request), consumer_group(request))
        say("ready", len(listed))
        await line_comes()
        won = await store.claim_ownership(claims(request, listed))
    say("claimed", [ownership["partition_id"] for ownership in won])


def line_comes():
    return asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


SCENARIOS = {
    function.__name__: function
    for function in (properties, send, receive, epoch, processor, stream_send, stream_receive, stream_process, claim)
}


async def main():
    failed = False
    for request in requests():
        name = request["scenario"]
        try:
            await SCENARIOS[name](request)
            say("done", name)
        except Exception as error:
            failed = True
            say("error", failure(error))
    return failed


sys.exit(asyncio.run(main()))

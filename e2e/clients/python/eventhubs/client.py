"""Scenarios on azure-eventhub, its synchronous clients. Usage: client.py [REQUEST]..., see contract.py"""

import os
import queue
import sys
import threading

from azure.eventhub import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore
from azure.identity import DefaultAzureCredential

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
    """A consumer client that receives on a thread of its own; what it is told waits in a queue."""

    def __init__(self, request, store=None, **options):
        keywords = {**consumers(request), "checkpoint_store": store}
        self.client = open_client(EventHubConsumerClient, keywords, DefaultAzureCredential)
        self.told = queue.Queue()
        self.thread = threading.Thread(target=self.run, kwargs=options, daemon=True)
        self.thread.start()

    def run(self, **options):
        self.client.receive(on_event=self.on_event, on_error=self.on_error, **options)

    def on_event(self, context, data):
        self.told.put((context, data, None))

    def on_error(self, context, error):
        self.told.put((context, None, error))

    def event(self, timeout):
        """The next event, or None; raises what the consumer was told."""
        try:
            context, data, error = self.told.get(timeout=timeout)
        except queue.Empty:
            return None
        if error:
            raise error
        return context, data

    def error(self, timeout):
        """The next error; events before it do not matter."""
        while True:
            _, _, error = self.told.get(timeout=timeout)
            if error:
                return error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.thread.join(10)


def properties(request):
    with producer(request) as client:
        if "partition_id" in request:
            say_partition(client.get_partition_properties(request["partition_id"]))
            return
        found = client.get_eventhub_properties()
        say_hub(found)
        for partition_id in found["partition_ids"]:
            say_partition(client.get_partition_properties(partition_id))


def send(request):
    mode = {"single": send_single, "batch": send_batch, "list": send_list, "buffered": send_buffered}
    mode[request["mode"]](request, events(request))


def send_single(request, sent):
    with producer(request) as client:
        for data in sent:
            client.send_event(data, **destination(request))
            say("sent", {"events": 1})


def send_batch(request, sent):
    with producer(request) as client:
        batch = client.create_batch(**destination(request))
        for data in sent:
            batch.add(data)
        client.send_batch(batch)
    say("sent", {"events": len(sent)})


def send_list(request, sent):
    with producer(request) as client:
        client.send_batch(sent, **destination(request))
    say("sent", {"events": len(sent)})


def send_buffered(request, sent):
    errors = []

    def on_success(accepted, partition_id):
        say("sent", {"events": len(accepted), "partition_id": partition_id})

    def on_error(_events, _partition_id, error):
        errors.append(error)

    with producer(request, buffered_mode=True, on_success=on_success, on_error=on_error) as client:
        for data in sent:
            client.send_event(data, **destination(request))
        client.flush()
    if errors:
        raise errors[0]


def receive(request):
    options = {"partition_id": request["partition_id"], **position(request)}
    if "owner_level" in request:
        options["owner_level"] = request["owner_level"]
    options["track_last_enqueued_event_properties"] = request.get("track", False)
    stop = threading.Event()
    trickling = threading.Thread(target=trickle, args=(request, stop), daemon=True)
    with Receiving(request, **options) as receiving:
        if "trickle" in request:
            trickling.start()
        try:
            for _ in range(request["count"]):
                got = receiving.event(request["timeout"])
                if got is None:
                    break
                say_event(*got)
        finally:
            stop.set()
            if "trickle" in request:
                trickling.join()


def trickle(request, stop):
    """Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition."""
    with producer(request) as client:
        while not stop.wait(0.3):
            client.send_batch([event(request["trickle"])], partition_id=request["partition_id"])


def epoch(request):
    """A higher owner level takes the partition over; a lower one and none at all are refused."""
    options = {"partition_id": request["partition_id"], "starting_position": "-1"}
    with Receiving(request, owner_level=1, **options) as first:
        assert first.event(request["timeout"]), "the first receiver got nothing"
        with Receiving(request, owner_level=2, **options) as second:
            got = second.event(request["timeout"])
            assert got, "the second receiver got nothing"
            say_event(*got)
            say("disconnected", failure(first.error(request["timeout"])))
            for level in ({"owner_level": 1}, {}):
                with Receiving(request, **level, **options) as late:
                    say("refused", failure(late.error(request["timeout"])))


def processor(request):
    """A second processor goes on where the first one left a checkpoint."""
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential) or InMemoryCheckpointStore()
    process(request, store, 1, request["count"])
    with producer(request) as client:
        for data in events(request):
            client.send_batch([data])
    process(request, store, 2, len(request["events"]))


def process(request, store, number, count):
    with Receiving(request, store, starting_position="-1") as receiving:
        for _ in range(count):
            got = receiving.event(request["timeout"])
            assert got, f"fewer than {count} events in round {number}"
            context, data = got
            say_event(context, data, {"round": number})
            context.update_checkpoint(data)


def stream_send(request):
    """Sends an event after the other until a line comes in, whatever happens to the broker."""
    stop = line_comes()
    number = 0
    with producer(request) as client:
        while not stop.is_set():
            body = f"{request['prefix']}{number}"
            number += 1
            try:
                client.send_batch([event({"body": body})], partition_id=request["partition_id"])
                say("acknowledged", body)
            except Exception as error:
                say("failed", {"body": body, "error": failure(error)})
            stop.wait(request.get("pause", 0.01))


def stream_receive(request):
    """Receives until a line comes in; a checkpoint in memory brings the SDK back to where it was."""
    stop = line_comes()
    with Receiving(request, partition_id=request["partition_id"], **position(request)) as receiving:
        while not stop.is_set():
            try:
                got = receiving.event(0.1)
            except Exception as error:
                say("trouble", failure(error))
                continue
            if got:
                context, data = got
                say_event(context, data)
                context.update_checkpoint(data)


def stream_process(request):
    """Takes its share of the partitions of a group, with checkpoints in a container, until a line comes in."""
    stop = line_comes()
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential)

    def on_event(context, data):
        say_event(context, data)
        try:
            context.update_checkpoint(data)
        except Exception as error:
            say("trouble", failure(error))
        else:
            say_checkpoint(context, data)

    def on_error(_context, error):
        say("trouble", failure(error))

    keywords = {**consumers(request), "checkpoint_store": store}
    client = open_client(EventHubConsumerClient, keywords, DefaultAzureCredential)
    options = {"on_event": on_event, "on_error": on_error, "starting_position": "-1"}
    receiving = threading.Thread(target=client.receive, kwargs=options, daemon=True)
    receiving.start()
    stop.wait()
    client.close()
    receiving.join(10)


def claim(request):
    """Looks who owns the partitions, and asks for all of them at once when a line comes in."""
    store = checkpoint_store(BlobCheckpointStore, DefaultAzureCredential)
    namespace = os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"]
    with store:
        listed = store.list_ownership(namespace, hub(request), consumer_group(request))
        say("ready", len(listed))
        line_comes().wait()
        won = store.claim_ownership(claims(request, listed))
    say("claimed", [ownership["partition_id"] for ownership in won])


def line_comes():
    stop = threading.Event()

    def wait():
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    return stop


SCENARIOS = {
    function.__name__: function
    for function in (properties, send, receive, epoch, processor, stream_send, stream_receive, stream_process, claim)
}


def main():
    failed = False
    for request in requests():
        name = request["scenario"]
        try:
            SCENARIOS[name](request)
            say("done", name)
        except Exception as error:
            failed = True
            say("error", failure(error))
    return failed


sys.exit(main())

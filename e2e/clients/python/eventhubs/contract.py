"""What the two Python programs have in common: requests come in, lines of JSON go out.

The contract is that of e2e/src/eventhubs.rs, the same for every language.
"""

import base64
import hashlib
import json
import os
import sys
import threading
from datetime import datetime, timedelta, timezone

from azure.eventhub import EventData, TransportType

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The body of an event that is asked for by its size.
PATTERN = b"abcdefghijklmnopqrstuvwxyz"
# Longer bodies are told by their digest.
SHOWN = 1024

_printing = threading.Lock()


def requests():
    """Each argument is a request; without arguments, each line of standard input. A bare word is a scenario."""
    for text in sys.argv[1:] or iter(sys.stdin.readline, ""):
        text = text.strip()
        if text:
            yield json.loads(text) if text.startswith("{") else {"scenario": text}


def say(kind, value):
    line = json.dumps({kind: value}, ensure_ascii=False)
    with _printing:
        print(line, flush=True)


def passwordless():
    """Whether the programs show a token in the place of a connection string."""
    return os.environ.get("EVENT_HUB_CREDENTIAL") == "token"


def open_client(kind, keywords, credential):
    """A client of this kind: by connection string, or with the credential that this makes."""
    if not passwordless():
        return kind.from_connection_string(keywords.pop("conn_str"), **keywords)
    del keywords["conn_str"]
    return kind(os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"], credential=credential(), **keywords)


def checkpoint_store(kind, credential):
    """A store of this kind in the container that the environment names, or None where it names none."""
    container = os.environ.get("BLOB_CONTAINER_NAME")
    if not container:
        return None
    if not passwordless():
        return kind.from_connection_string(os.environ["BLOB_STORAGE_CONNECTION_STRING"], container)
    return kind(os.environ["BLOB_STORAGE_ACCOUNT_URL"], container, credential=credential())


def claims(request, listed):
    """What a processor called PREFIX asks for: every partition, in the place of whoever is listed as its owner."""
    tags = {ownership["partition_id"]: ownership["etag"] for ownership in listed}
    return [
        {
            "fully_qualified_namespace": os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"],
            "eventhub_name": hub(request),
            "consumer_group": consumer_group(request),
            "partition_id": str(number),
            "owner_id": request["prefix"],
            **({"etag": tags[str(number)]} if str(number) in tags else {}),
        }
        for number in range(request["count"])
    ]


def hub(request):
    return request.get("hub") or os.environ["EVENT_HUB_NAME"]


def consumer_group(request):
    return request.get("consumer_group", "$Default")


def clients(request):
    """How any client of this request is made, in keywords."""
    retries = request.get("retries", 3)
    keywords = {
        "conn_str": request.get("connection") or os.environ.get("EVENT_HUB_CONNECTION_STR"),
        "eventhub_name": hub(request),
        "retry_total": retries,
        "retry_backoff_factor": 0.2,
        "retry_backoff_max": 1,
    }
    websocket = os.environ.get("EVENT_HUB_TRANSPORT") == "websocket"
    endpoint = os.environ.get("EVENT_HUB_CUSTOM_ENDPOINT")
    if websocket or endpoint:
        keywords["transport_type"] = TransportType.AmqpOverWebsocket if websocket else TransportType.Amqp
    if endpoint:
        keywords["custom_endpoint_address"] = endpoint
    return keywords


def consumers(request):
    keywords = clients(request)
    keywords["consumer_group"] = consumer_group(request)
    # After an error the SDK lets go of the partition and takes it again in the next round.
    keywords["load_balancing_interval"] = 0.5
    if request["scenario"] == "stream_process":
        keywords["load_balancing_interval"] = 1
        keywords["partition_ownership_expiration_interval"] = request["expiration"]
    return keywords


def destination(request):
    return {name: request[name] for name in ("partition_id", "partition_key") if name in request}


def position(request):
    """The keywords that say where to begin."""
    start = request["from"]
    if start == "earliest":
        return {"starting_position": "-1"}
    if start == "latest":
        return {"starting_position": "@latest"}
    if "offset" in start:
        value = start["offset"]
    elif "sequence_number" in start:
        value = start["sequence_number"]
    else:
        value = EPOCH + timedelta(milliseconds=start["enqueued_time"])
    return {"starting_position": value, "starting_position_inclusive": start.get("inclusive", False)}


def events(request):
    return [event(wanted) for wanted in request["events"]]


def event(wanted):
    data = EventData(body(wanted))
    if "properties" in wanted:
        data.properties = {name: to_python(value) for name, value in wanted["properties"].items()}
    for name in ("message_id", "content_type", "correlation_id"):
        if name in wanted:
            setattr(data, name, wanted[name])
    return data


def body(wanted):
    if "size" in wanted:
        size = wanted["size"]
        return (PATTERN * (size // len(PATTERN) + 1))[:size]
    return wanted["body"].encode()


def to_python(value):
    if isinstance(value, dict):
        if "bytes" in value:
            return base64.b64decode(value["bytes"])
        return EPOCH + timedelta(milliseconds=value["time"])
    return value


def to_json(value):
    """Python hands strings over as bytes, in properties as well, and times as numbers."""
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": milliseconds(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"other": str(value)}


def milliseconds(moment):
    if moment is None:
        return None
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return (moment - EPOCH) // timedelta(milliseconds=1)
    return moment


def names(values):
    return {to_json(name): to_json(value) for name, value in (values or {}).items()}


def say_event(context, data, more=None):
    content = b"".join(data.body)
    told = {
        "partition_id": context.partition_id,
        "sequence_number": data.sequence_number,
        "offset": data.offset,
        "enqueued_time": milliseconds(data.enqueued_time),
        "partition_key": to_json(data.partition_key),
        "size": len(content),
        "properties": names(data.properties),
        "system_properties": names(data.system_properties),
        "message_id": to_json(data.message_id),
        "content_type": to_json(data.content_type),
        "correlation_id": to_json(data.correlation_id),
    }
    if len(content) <= SHOWN:
        told["body"] = content.decode()
    else:
        told["sha256"] = hashlib.sha256(content).hexdigest()
    tracked = context.last_enqueued_event_properties
    if tracked:
        told["last_enqueued"] = {
            "sequence_number": tracked["sequence_number"],
            "offset": to_json(tracked["offset"]),
            "enqueued_time": milliseconds(tracked["enqueued_time"]),
            "retrieval_time": milliseconds(tracked["retrieval_time"]),
        }
    told.update(more or {})
    say("event", told)


def say_checkpoint(context, data):
    say("checkpoint", {"partition_id": context.partition_id, "sequence_number": data.sequence_number})


def say_hub(properties):
    say(
        "hub",
        {
            "name": properties["eventhub_name"],
            "created_at": milliseconds(properties["created_at"]),
            "partition_ids": properties["partition_ids"],
        },
    )


def say_partition(properties):
    say(
        "partition",
        {
            "id": properties["id"],
            "beginning_sequence_number": properties["beginning_sequence_number"],
            "last_enqueued_sequence_number": properties["last_enqueued_sequence_number"],
            "last_enqueued_offset": properties["last_enqueued_offset"],
            "last_enqueued_time": milliseconds(properties["last_enqueued_time_utc"]),
            "is_empty": properties["is_empty"],
        },
    )


def failure(error):
    return {"class": type(error).__name__, "condition": condition(error), "text": str(error)}


def condition(error):
    """The AMQP condition, which the SDK keeps in the error that it wraps."""
    while error is not None:
        found = getattr(error, "condition", None)
        if found is not None:
            found = getattr(found, "value", found)
            return found.decode() if isinstance(found, bytes) else str(found)
        error = error.__cause__ or error.__context__
    return None

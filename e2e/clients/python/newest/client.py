"""Scenarios on the newest azure-eventgrid, as a user would write them. Usage: client.py SCENARIO

The settings come from the environment, as `weft dev` writes them. A scenario that is not met ends with a traceback.
"""

import os
import sys
import time
from datetime import datetime, timedelta, timezone

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.messaging import CloudEvent
from azure.core.serialization import NULL
from azure.eventgrid import EventGridConsumerClient, EventGridPublisherClient, generate_sas
from azure.identity import DefaultAzureCredential

ENDPOINT = os.environ["EVENTGRID_ENDPOINT"]
KEY = os.environ.get("EVENTGRID_KEY")
TOPIC = os.environ["EVENTGRID_TOPIC_NAME"]
SUBSCRIPTION = os.environ["EVENTGRID_EVENT_SUBSCRIPTION_NAME"]


def credential(key):
    """Without a key, the token that the environment tells of."""
    return AzureKeyCredential(key) if key else DefaultAzureCredential()


def publisher(topic=TOPIC, key=KEY):
    return EventGridPublisherClient(ENDPOINT, credential(key), namespace_topic=topic)


def consumer(topic=TOPIC, subscription=SUBSCRIPTION, key=KEY, **options):
    return EventGridConsumerClient(
        ENDPOINT, credential(key), namespace_topic=topic, subscription=subscription, **options
    )


def event(id, **attributes):
    return CloudEvent(source="/python/newest", type="e2e.test", id=id, **attributes)


def receive(client, count=1):
    """Receives exactly `count` events; they may come in several answers."""
    details = []
    while len(details) < count:
        more = client.receive(max_events=count - len(details), max_wait_time=10)
        assert more, f"only {len(details)} of {count} events came"
        details += more
    return details


def token(detail):
    return detail.broker_properties.lock_token


def succeeded(result, tokens):
    assert result.succeeded_lock_tokens == tokens, result
    assert result.failed_lock_tokens == [], result


def failed(result, lock_token, code):
    assert result.succeeded_lock_tokens == [], result
    (failure,) = result.failed_lock_tokens
    assert failure.lock_token == lock_token, failure
    assert failure.error.code == code, failure


def expect(kind, call, status, code=None, message=None):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error
        if code:
            assert error.error.code == code, (error.error, error)
        if message:
            assert message in str(error), error
        return
    raise AssertionError(f"{kind.__name__} was expected")


def every_operation():
    client = consumer()
    publisher().send(event("one", data={"a": 1}, subject="s"))

    (detail,) = receive(client)
    assert detail.broker_properties.delivery_count == 1
    assert detail.event.id == "one" and detail.event.data == {"a": 1}
    succeeded(client.renew_locks(lock_tokens=[token(detail)]), [token(detail)])
    # The token of the delivery stays the valid one.
    succeeded(client.release(lock_tokens=[token(detail)]), [token(detail)])
    failed(client.acknowledge(lock_tokens=[token(detail)]), token(detail), "TokenLost")

    (again,) = receive(client)
    assert again.broker_properties.delivery_count == 2
    assert again.event.id == "one"
    succeeded(client.acknowledge(lock_tokens=[token(again)]), [token(again)])
    failed(client.acknowledge(lock_tokens=[token(again)]), token(again), "TokenLost")
    failed(client.renew_locks(lock_tokens=[token(again)]), token(again), "TokenLost")

    publisher().send(event("two"))
    (rejected,) = receive(client)
    succeeded(client.reject(lock_tokens=[token(rejected)]), [token(rejected)])
    failed(client.release(lock_tokens=["not a token"]), "not a token", "BadToken")

    start = time.monotonic()
    assert client.receive(max_events=10, max_wait_time=10) == []
    assert 9 < time.monotonic() - start < 15


def kinds_of_data():
    """What was sent is what comes back, in order, with native types."""
    moment = datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=timezone.utc)
    sent = [
        event("dict", data={"a": [1, {"b": None}], "ü": "é"}),
        event("text", data="plain text"),
        event("bytes", data=b"\x00\xff\x10", datacontenttype="application/octet-stream"),
        event("list", data=[1, "two", 3.5, False]),
        event("number", data=42),
        event("zero", data=0),
        event("false", data=False),
        event("empty text", data=""),
        event("empty dict", data={}),
        event("null", data=NULL),
        event("absent", data=None),
        event("xml", data="<a/>", datacontenttype="text/xml"),
        event("subject", subject="orders/1", dataschema="https://example.com/schema", data={}),
        event("time", time=moment),
        event("offset", time=moment.astimezone(timezone(timedelta(hours=2)))),
        event("no time", time=None),
        event("extensions", extensions={"text": "v", "number": 5, "flag": True, "1ext": "x"}),
    ]
    publisher().send(sent)
    client = consumer()
    details = receive(client, len(sent))
    succeeded(client.acknowledge(lock_tokens=[token(d) for d in details]), [token(d) for d in details])
    assert [d.event.id for d in details] == [e.id for e in sent]
    for original, detail in zip(sent, details):
        came = detail.event
        for name in ("source", "type", "specversion", "subject", "dataschema", "datacontenttype", "data"):
            assert getattr(came, name) == getattr(original, name), (original.id, name, getattr(came, name))
        assert (came.extensions or {}) == (original.extensions or {}), (original.id, came.extensions)
        assert came.time == original.time, (original.id, came.time)


def dicts():
    """A dict in the shape of a CloudEvent is as good as a CloudEvent."""
    publisher().send({"source": "/d", "type": "t", "id": "d", "specversion": "1.0", "data": {"x": 1}, "ext": 7})
    client = consumer()
    (detail,) = receive(client)
    assert detail.event.data == {"x": 1} and detail.event.extensions == {"ext": 7}
    succeeded(client.acknowledge(lock_tokens=[token(detail)]), [token(detail)])


def errors():
    expect(ClientAuthenticationError, lambda: publisher(key="d3Jvbmc=").send(event("x")), 401)
    expect(ClientAuthenticationError, lambda: consumer(key="d3Jvbmc=").receive(max_wait_time=10), 401)
    try:
        publisher(topic="nowhere").send(event("x"))
        raise AssertionError("a missing topic must be refused")
    except ResourceNotFoundError as error:
        # The client replaces the service's message by a hint of its own.
        assert "namespace_topic" in str(error), error
    expect(ResourceNotFoundError, lambda: consumer(topic="nowhere").receive(max_wait_time=10), 404, "NotFound", "nowhere")
    expect(ResourceNotFoundError, lambda: consumer(subscription="nobody").receive(max_wait_time=10), 404, "NotFound")

    no_source = {"type": "t", "specversion": "1.0", "id": "1"}
    expect(HttpResponseError, lambda: publisher().send(no_source), 400, "BadRequest", "`source` attribute is required")
    expect(HttpResponseError, lambda: publisher().send([{"foo": 1}]), 400, "BadRequest")
    expect(HttpResponseError, lambda: publisher().send(event("x", specversion="0.3")), 400, "BadRequest")
    expect(HttpResponseError, lambda: consumer().receive(max_wait_time=9), 400, "ArgumentInvalid", "maxWaitTime")
    expect(HttpResponseError, lambda: consumer().receive(max_wait_time=121), 400, "ArgumentInvalid", "maxWaitTime")
    expect(HttpResponseError, lambda: consumer().receive(max_events=-1), 400, "BadRequest")
    expect(HttpResponseError, lambda: consumer().receive(max_events=101), 400, "ArgumentInvalid")
    expect(HttpResponseError, lambda: publisher().send(event("x", data="x" * 1024 * 1024)), 413)
    expect(HttpResponseError, lambda: publisher().send([event(str(i)) for i in range(1001)]), 413)


def release_with_delay():
    client = consumer()
    publisher().send(event("later"))
    (detail,) = receive(client)
    released = time.monotonic()
    succeeded(client.release(lock_tokens=[token(detail)], release_delay=10), [token(detail)])
    (again,) = client.receive(max_wait_time=20)
    waited = time.monotonic() - released
    assert 9.5 < waited < 13, waited
    assert again.broker_properties.delivery_count == 2
    succeeded(client.acknowledge(lock_tokens=[token(again)]), [token(again)])


def renew_past_the_lock_time():
    """The lock of the subscription is 60 s; renewed at 40 s it still holds at 65 s, under the original token."""
    client = consumer()
    publisher().send(event("long work"))
    (detail,) = receive(client)
    time.sleep(40)
    succeeded(client.renew_locks(lock_tokens=[token(detail)]), [token(detail)])
    assert client.receive(max_wait_time=25) == [], "a renewed lock keeps the event from others"
    succeeded(client.acknowledge(lock_tokens=[token(detail)]), [token(detail)])


def names():
    """Azure compares names ignoring case."""
    publisher(topic=TOPIC.upper()).send(event("case"))
    client = consumer(topic=TOPIC.title(), subscription=SUBSCRIPTION.upper())
    (detail,) = receive(client)
    succeeded(client.acknowledge(lock_tokens=[token(detail)]), [token(detail)])


def api_versions():
    """Every version that the client accepts by hand."""
    for version in ("2023-06-01-preview", "2023-10-01-preview", "2023-11-01", "2024-06-01"):
        sender = EventGridPublisherClient(
            ENDPOINT, AzureKeyCredential(KEY), namespace_topic=TOPIC, api_version=version
        )
        sender.send(event(version))
        client = consumer(api_version=version)
        (detail,) = receive(client)
        assert detail.event.id == version
        if version >= "2023-10-01-preview":
            succeeded(client.renew_locks(lock_tokens=[token(detail)]), [token(detail)])
        succeeded(client.acknowledge(lock_tokens=[token(detail)]), [token(detail)])


def publish_and_receive():
    client = consumer()
    publisher().send([event(str(i), data=i) for i in range(100)])
    details = receive(client, 100)
    assert [d.event.data for d in details] == list(range(100))
    succeeded(client.acknowledge(lock_tokens=[token(d) for d in details]), [token(d) for d in details])


def sas():
    """Prints tokens as the SDK makes them: good for the namespace, for the topic, and one that has expired."""
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    print(generate_sas(ENDPOINT, KEY, soon))
    print(generate_sas(ENDPOINT, KEY, soon.replace(tzinfo=None, microsecond=0)))
    print(generate_sas(f"{ENDPOINT}/topics/{TOPIC}", KEY, soon, api_version="2024-06-01"))
    print(generate_sas(ENDPOINT, KEY, soon - timedelta(hours=2)))


if __name__ == "__main__":
    globals()[sys.argv[1]]()

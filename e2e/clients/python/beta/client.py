"""Scenarios on azure-eventgrid 4.17.0b1, as a user would write them. Usage: client.py SCENARIO

This version has bugs that reach the server. The scenarios expect what the service does with what is really sent.
"""

import json
import os
import sys
import time
from datetime import datetime, timedelta, timezone

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridClient, generate_sas
from azure.eventgrid.models import AcknowledgeOptions, RejectOptions, ReleaseOptions, RenewLockOptions

ENDPOINT = os.environ["EVENTGRID_ENDPOINT"]
KEY = os.environ["EVENTGRID_KEY"]
TOPIC = os.environ["EVENTGRID_TOPIC_NAME"]
SUBSCRIPTION = os.environ["EVENTGRID_EVENT_SUBSCRIPTION_NAME"]

CLIENT = EventGridClient(ENDPOINT, AzureKeyCredential(KEY))


def event(id, **attributes):
    return CloudEvent(source="/python/beta", type="e2e.test", id=id, **attributes)


def publish(body, **options):
    CLIENT.publish_cloud_events(TOPIC, body, **options)


def receive(count=1):
    details = []
    while len(details) < count:
        more = CLIENT.receive_cloud_events(TOPIC, SUBSCRIPTION, max_events=count - len(details), max_wait_time=10).value
        assert more, f"only {len(details)} of {count} events came"
        details += more
    return details


def token(detail):
    return detail.broker_properties.lock_token


def acknowledge(tokens):
    return CLIENT.acknowledge_cloud_events(TOPIC, SUBSCRIPTION, AcknowledgeOptions(lock_tokens=tokens))


def release(tokens, **options):
    return CLIENT.release_cloud_events(TOPIC, SUBSCRIPTION, ReleaseOptions(lock_tokens=tokens), **options)


def reject(tokens):
    return CLIENT.reject_cloud_events(TOPIC, SUBSCRIPTION, RejectOptions(lock_tokens=tokens))


def renew(tokens):
    return CLIENT.renew_cloud_event_locks(TOPIC, SUBSCRIPTION, RenewLockOptions(lock_tokens=tokens))


def succeeded(result, tokens):
    assert result.succeeded_lock_tokens == tokens, result
    assert result.failed_lock_tokens == [], result


def failed(result, lock_token, code):
    assert result.succeeded_lock_tokens == [], result
    (failure,) = result.failed_lock_tokens
    assert failure.lock_token == lock_token, failure
    assert failure.error.code == code, failure


def take():
    """Receives one event, acknowledges it, and returns it."""
    (detail,) = receive()
    succeeded(acknowledge([token(detail)]), [token(detail)])
    return detail.event


def expect(kind, call, status, code=None, message=None):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error
        envelope = json.loads(error.response.text())["error"]
        if code:
            assert envelope["code"] == code, envelope
            assert error.response.headers["broker-errorcode"] == code, error.response.headers
        if message:
            assert message in envelope["message"], envelope
        return
    raise AssertionError(f"{kind.__name__} was expected")


def every_operation():
    publish(event("one", data="text", subject="s"))
    (detail,) = receive()
    assert detail.broker_properties.delivery_count == 1
    assert (detail.event.id, detail.event.data, detail.event.subject) == ("one", "text", "s")
    succeeded(renew([token(detail)]), [token(detail)])
    succeeded(release([token(detail)]), [token(detail)])
    failed(acknowledge([token(detail)]), token(detail), "TokenLost")

    (again,) = receive()
    assert again.broker_properties.delivery_count == 2
    succeeded(acknowledge([token(again)]), [token(again)])
    failed(acknowledge([token(again)]), token(again), "TokenLost")
    failed(renew([token(again)]), token(again), "TokenLost")

    publish(event("two"))
    (rejected,) = receive()
    succeeded(reject([token(rejected)]), [token(rejected)])
    failed(reject(["not a token"]), "not a token", "BadToken")

    start = time.monotonic()
    assert CLIENT.receive_cloud_events(TOPIC, SUBSCRIPTION, max_events=10, max_wait_time=10).value == []
    assert 9 < time.monotonic() - start < 15


def kinds_of_data():
    moment = datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=timezone.utc)
    # A dict is sent as Python's own notation, in a string.
    publish(event("dict", data={"a": 1}))
    assert take().data == "{'a': 1}"
    publish(event("bytes", data=b"\x00\xff"))
    assert take().data == b"\x00\xff"
    # Falsy data are left out.
    publish(event("empty", data={}))
    assert take().data is None
    # Every extension becomes a string.
    publish(event("extensions", extensions={"number": 5, "text": "v"}))
    assert take().extensions == {"number": "5", "text": "v"}
    # The time goes out with a space and comes back in RFC 3339, which the client can read.
    publish(event("time", time=moment))
    assert take().time == moment
    # dataschema is dropped by the client in structured mode.
    publish(event("schema", dataschema="https://example.com/s", datacontenttype="text/plain", data="x"))
    came = take()
    assert came.dataschema is None and came.datacontenttype == "text/plain"
    publish({"source": "/d", "type": "t", "id": "d", "specversion": "1.0", "data": "x", "ext": "7"})
    assert take().extensions == {"ext": "7"}


def merged_lists():
    """A list of N events is sent as N copies of one merged event; what arrives is what was sent."""
    sent = []
    watched = EventGridClient(
        ENDPOINT,
        AzureKeyCredential(KEY),
        raw_request_hook=lambda request: sent.extend(json.loads(request.http_request.content)),
    )
    events = [event("first", data="1", subject="kept"), event("second", data="2"), event("third", data="3")]
    watched.publish_cloud_events(TOPIC, events)
    assert [e["id"] for e in sent] == ["third"] * 3 and sent[0]["subject"] == "kept", sent
    details = receive(3)
    succeeded(acknowledge([token(d) for d in details]), [token(d) for d in details])
    for detail in details:
        assert (detail.event.id, detail.event.data, detail.event.subject) == ("third", "3", "kept"), detail
    # Text and bytes in one list merge into an event with both kinds of data, which nobody could read.
    expect(HttpResponseError, lambda: publish([event("a", data="x"), event("b", data=b"x")]), 400, "BadRequest")


def binary_mode():
    moment = datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=timezone.utc)
    publish(
        event("json", data=b'{"a": [1]}', datacontenttype="application/json", time=moment, subject="s",
              dataschema="https://example.com/s", extensions={"ext": "v", "number": 5}),
        binary_mode=True,
    )
    came = take()
    assert came.data == {"a": [1]} and came.datacontenttype == "application/json", came
    assert came.time == moment and came.subject == "s" and came.dataschema == "https://example.com/s", came
    assert came.extensions == {"ext": "v", "number": "5"}, came.extensions
    publish(event("xml", data="<é/>".encode(), datacontenttype="text/xml"), binary_mode=True)
    assert take().data == "<é/>"
    publish(event("octets", data=b"\x00\xff", datacontenttype="application/octet-stream"), binary_mode=True)
    assert take().data == b"\x00\xff"
    # Without datacontenttype the client claims structured mode and sends raw data.
    expect(HttpResponseError, lambda: publish(event("none", data=b"raw"), binary_mode=True), 400, "BadRequest")


def errors():
    wrong = EventGridClient(ENDPOINT, AzureKeyCredential("d3Jvbmc="))
    expect(ClientAuthenticationError, lambda: wrong.publish_cloud_events(TOPIC, event("x")), 401)
    expect(ClientAuthenticationError, lambda: wrong.receive_cloud_events(TOPIC, SUBSCRIPTION, max_wait_time=10), 401)
    missing = lambda: CLIENT.publish_cloud_events("nowhere", event("x"))
    expect(ResourceNotFoundError, missing, 404, "NotFound", "Topic 'nowhere' is not found")
    expect(ResourceNotFoundError, lambda: CLIENT.receive_cloud_events(TOPIC, "nobody", max_wait_time=10), 404, "NotFound")
    for seconds in (9, 121):
        short = lambda: CLIENT.receive_cloud_events(TOPIC, SUBSCRIPTION, max_wait_time=seconds)
        expect(HttpResponseError, short, 400, "ArgumentInvalid", "Invalid maxWaitTime parameter")
    negative = lambda: CLIENT.receive_cloud_events(TOPIC, SUBSCRIPTION, max_events=-1)
    expect(HttpResponseError, negative, 400, "BadRequest", "Error parsing query parameters")
    expect(HttpResponseError, lambda: publish(event("x", data="x" * 1024 * 1024)), 413)
    expect(HttpResponseError, lambda: publish([event("x")] * 1001), 413)


def release_with_delay():
    publish(event("later"))
    (detail,) = receive()
    released = time.monotonic()
    succeeded(release([token(detail)], release_delay_in_seconds=10), [token(detail)])
    (again,) = CLIENT.receive_cloud_events(TOPIC, SUBSCRIPTION, max_wait_time=20).value
    waited = time.monotonic() - released
    assert 9.5 < waited < 13, waited
    assert again.broker_properties.delivery_count == 2
    succeeded(acknowledge([token(again)]), [token(again)])


def sas():
    """Prints tokens as the SDK and as the samples of the documentation make them; the last one has expired."""
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    print(generate_sas(ENDPOINT, KEY, soon))
    print(documented_python(soon))
    print(documented_dotnet(soon, ENDPOINT))
    print(documented_dotnet(soon, f"{ENDPOINT}/topics/{TOPIC}/eventsubscriptions/{SUBSCRIPTION}"))
    print(generate_sas(ENDPOINT, KEY, soon - timedelta(hours=2)))


def documented_python(expiry):
    """The function of the documentation for Python: ISO 8601 without a zone, `quote_plus`."""
    from urllib.parse import quote_plus

    unsigned = f"r={quote_plus(ENDPOINT)}&e={quote_plus(expiry.replace(tzinfo=None).isoformat())}"
    return f"{unsigned}&s={quote_plus(signature(unsigned))}"


def documented_dotnet(expiry, resource):
    """The function of the documentation for .NET: en-US date, `+` for a space, lower-case hexadecimal digits."""
    import re
    from urllib.parse import quote_plus

    def encode(text):
        return re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), quote_plus(text))

    hour = expiry.hour % 12 or 12
    half = "AM" if expiry.hour < 12 else "PM"
    date = f"{expiry.month}/{expiry.day}/{expiry.year} {hour}:{expiry.minute:02}:{expiry.second:02} {half}"
    unsigned = f"r={encode(resource)}&e={encode(date)}"
    return f"{unsigned}&s={encode(signature(unsigned))}"


def signature(text):
    import base64
    import hashlib
    import hmac

    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


if __name__ == "__main__":
    globals()[sys.argv[1]]()

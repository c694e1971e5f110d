"""Publish two orders, receive the one that billing asked for, acknowledge it.

Azure's own SDK (pip install azure-eventgrid), unmodified; where to connect comes from the environment:

    weft exec shop -- python3 examples/quickstart/publish_receive.py
"""

import os

from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridConsumerClient, EventGridPublisherClient

endpoint = os.environ["EVENTGRID_ENDPOINT"]
credential = AzureKeyCredential(os.environ["EVENTGRID_KEY"])
topic = os.environ.get("EVENTGRID_TOPIC_NAME", "orders")
subscription = os.environ.get("EVENTGRID_EVENT_SUBSCRIPTION_NAME", "billing")

with EventGridPublisherClient(endpoint, credential, namespace_topic=topic) as publisher:
    publisher.send(
        [
            CloudEvent(source="/quickstart", type="com.example.order.placed", data={"order": n, "country": country})
            for n, country in enumerate(["FR", "US"], start=1)
        ]
    )
    print(f"published 2 events to {topic}")

with EventGridConsumerClient(endpoint, credential, namespace_topic=topic, subscription=subscription) as consumer:
    for detail in consumer.receive(max_events=10, max_wait_time=10):
        result = consumer.acknowledge(lock_tokens=[detail.broker_properties.lock_token])
        settled = "acknowledged" if result.succeeded_lock_tokens else "lost"
        print(f"received {detail.event.data} (delivery {detail.broker_properties.delivery_count}): {settled}")

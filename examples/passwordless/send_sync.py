import os

from azure.eventhub import EventData, EventHubProducerClient
from azure.identity import DefaultAzureCredential

EVENT_HUB_FULLY_QUALIFIED_NAMESPACE = os.environ["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"]
EVENT_HUB_NAME = os.environ["EVENT_HUB_NAME"]

producer = EventHubProducerClient(
    fully_qualified_namespace=EVENT_HUB_FULLY_QUALIFIED_NAMESPACE,
    eventhub_name=EVENT_HUB_NAME,
    credential=DefaultAzureCredential(),
)
with producer:
    batch = producer.create_batch()
    for number in range(1, 4):
        batch.add(EventData(f"measurement {number}"))
    producer.send_batch(batch)
print(f"sent 3 events to {EVENT_HUB_NAME}")

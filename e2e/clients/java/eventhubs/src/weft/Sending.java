package weft;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventDataBatch;
import com.azure.messaging.eventhubs.EventHubBufferedProducerClient;
import com.azure.messaging.eventhubs.EventHubBufferedProducerClientBuilder;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.EventHubProperties;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** The producers, and what they can tell of a hub. */
final class Sending {
    static void properties(Request request) {
        try (EventHubProducerClient client = request.client().buildProducerClient()) {
            if (request.text("partition_id") != null) {
                Lines.partition(client.getPartitionProperties(request.text("partition_id")));
                return;
            }
            EventHubProperties hub = client.getEventHubProperties();
            List<String> ids = new ArrayList<>();
            hub.getPartitionIds().forEach(ids::add);
            long created = Lines.milliseconds(hub.getCreatedAt());
            Lines.say("hub", Map.of("name", hub.getName(), "created_at", created, "partition_ids", ids));
            ids.forEach(id -> Lines.partition(client.getPartitionProperties(id)));
        }
    }

    static void send(Request request) {
        List<EventData> events = request.events();
        switch (request.text("mode")) {
            case "batch" -> batch(request, events);
            case "list" -> list(request, events);
            case "buffered" -> buffered(request, events);
            default -> throw new Main.Unsupported("this SDK sends lists and batches only");
        }
    }

    private static void batch(Request request, List<EventData> events) {
        try (EventHubProducerClient client = request.client().buildProducerClient()) {
            EventDataBatch batch = client.createBatch(new CreateBatchOptions()
                .setPartitionId(request.text("partition_id"))
                .setPartitionKey(request.text("partition_key")));
            for (EventData event : events) {
                if (!batch.tryAdd(event)) {
                    throw new IllegalArgumentException("the event does not fit");
                }
            }
            client.send(batch);
        }
        Lines.say("sent", Map.of("events", events.size()));
    }

    private static void list(Request request, List<EventData> events) {
        try (EventHubProducerClient client = request.client().buildProducerClient()) {
            client.send(events, options(request));
        }
        Lines.say("sent", Map.of("events", events.size()));
    }

    private static SendOptions options(Request request) {
        return new SendOptions()
            .setPartitionId(request.text("partition_id"))
            .setPartitionKey(request.text("partition_key"));
    }

    private static void buffered(Request request, List<EventData> events) {
        Queue<Throwable> errors = new ConcurrentLinkedQueue<>();
        EventHubBufferedProducerClientBuilder builder = new EventHubBufferedProducerClientBuilder()
            .retryOptions(request.retries())
            .transportType(Request.transport())
            .onSendBatchFailed(failed -> errors.add(failed.getThrowable()))
            .onSendBatchSucceeded(sent -> {
                List<EventData> accepted = new ArrayList<>();
                sent.getEvents().forEach(accepted::add);
                Lines.say("sent", Map.of("events", accepted.size(), "partition_id", sent.getPartitionId()));
            });
        if (Request.passwordless()) {
            builder.credential(Request.namespace(), request.hub(), Request.credential());
        } else {
            builder.connectionString(request.connection(), request.hub());
        }
        if (Request.customEndpoint() != null) {
            builder.customEndpointAddress(Request.customEndpoint());
        }
        try (EventHubBufferedProducerClient client = builder.buildClient()) {
            events.forEach(event -> client.enqueueEvent(event, options(request)));
            client.flush();
        }
        if (!errors.isEmpty()) {
            throw new IllegalStateException(errors.peek());
        }
    }

    /** Sends an event after the other until a line comes in, whatever happens to the broker. */
    static void stream(Request request) throws InterruptedException {
        Main.LineComes stop = new Main.LineComes();
        try (EventHubProducerClient client = request.client().buildProducerClient()) {
            for (long number = 0; !stop.hasCome(); number++) {
                String body = request.text("prefix") + number;
                try {
                    client.send(List.of(new EventData(body.getBytes(StandardCharsets.UTF_8))), options(request));
                    Lines.say("acknowledged", body);
                } catch (RuntimeException error) {
                    Lines.say("failed", Map.of("body", body, "error", Lines.failure(error)));
                }
                Thread.sleep(request.seconds("pause", 0.01).toMillis());
            }
        }
    }

    private Sending() {
    }
}

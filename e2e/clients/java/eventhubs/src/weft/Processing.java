package weft;

import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.EventProcessorClient;
import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import com.azure.messaging.eventhubs.LoadBalancingStrategy;
import com.azure.messaging.eventhubs.models.EventContext;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** The processor, with checkpoints in a container or in memory. */
final class Processing {
    /** A second processor goes on where the first one left a checkpoint. */
    static void processor(Request request) throws InterruptedException {
        CheckpointStore store = Request.checkpointStore();
        process(request, store, 1, request.count());
        List<EventData> events = request.events();
        try (EventHubProducerClient client = request.client().buildProducerClient()) {
            events.forEach(event -> client.send(List.of(event)));
        }
        process(request, store, 2, events.size());
    }

    private static void process(Request request, CheckpointStore store, int round, int count)
        throws InterruptedException {
        BlockingQueue<Object> told = new LinkedBlockingQueue<>();
        EventProcessorClient processor = builder(request, store)
            .loadBalancingUpdateInterval(Duration.ofMillis(200))
            .partitionOwnershipExpirationInterval(Duration.ofSeconds(5))
            .processEvent(told::add)
            .processError(error -> told.add(error.getThrowable()))
            .buildEventProcessorClient();
        processor.start();
        try {
            for (int i = 0; i < count; i++) {
                take(told.poll(request.timeout().toMillis(), TimeUnit.MILLISECONDS), round, count);
            }
        } finally {
            stop(processor);
        }
    }

    /** Takes its share of the partitions of a group, with checkpoints in a container, until a line comes in. */
    static void stream(Request request) throws InterruptedException {
        Main.LineComes stop = new Main.LineComes();
        EventProcessorClient processor = builder(request, Request.checkpointStore())
            .loadBalancingUpdateInterval(Duration.ofSeconds(1))
            .partitionOwnershipExpirationInterval(request.seconds("expiration", 10))
            .processEvent(Processing::take)
            .processError(error -> Lines.say("trouble", Lines.failure(error.getThrowable())))
            .buildEventProcessorClient();
        processor.start();
        while (!stop.hasCome()) {
            Thread.sleep(50);
        }
        stop(processor);
    }

    private static void take(EventContext got) {
        String partition = got.getPartitionContext().getPartitionId();
        EventData event = got.getEventData();
        Lines.event(partition, event, null, Map.of());
        try {
            got.updateCheckpoint();
        } catch (RuntimeException error) {
            Lines.say("trouble", Lines.failure(error));
            return;
        }
        Lines.say("checkpoint", Map.of("partition_id", partition, "sequence_number", event.getSequenceNumber()));
    }

    private static EventProcessorClientBuilder builder(Request request, CheckpointStore store) {
        Function<String, EventPosition> earliest = partition -> EventPosition.earliest();
        EventProcessorClientBuilder builder = new EventProcessorClientBuilder()
            .consumerGroup(request.consumerGroup())
            .retryOptions(request.retries())
            .transportType(Request.transport())
            .checkpointStore(store)
            // The greedy one asks for the partitions again and again without a pause while a processor runs.
            .loadBalancingStrategy(LoadBalancingStrategy.BALANCED)
            .initialPartitionEventPosition(earliest);
        if (Request.passwordless()) {
            builder.credential(Request.namespace(), request.hub(), Request.credential());
        } else {
            builder.connectionString(request.connection(), request.hub());
        }
        return Request.customEndpoint() == null ? builder : builder.customEndpointAddress(Request.customEndpoint());
    }

    /** Often waits for ten seconds, though it closes every connection at once. */
    private static void stop(EventProcessorClient processor) {
        try {
            processor.stop(Duration.ofSeconds(1));
        } catch (IllegalStateException impatient) {
            // It stops all the same.
        }
    }

    private static void take(Object next, int round, int count) {
        if (next instanceof Throwable error) {
            throw new IllegalStateException(error);
        }
        if (next == null) {
            throw new IllegalStateException("fewer than " + count + " events in round " + round);
        }
        EventContext got = (EventContext) next;
        String partition = got.getPartitionContext().getPartitionId();
        Lines.event(partition, got.getEventData(), null, Map.of("round", round));
        got.updateCheckpoint();
    }

    private Processing() {
    }
}

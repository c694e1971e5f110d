package weft;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubConsumerAsyncClient;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;

/** A consumer of one partition; what it is told waits in a queue. */
final class Receiving implements AutoCloseable {
    private final BlockingQueue<Object> told = new LinkedBlockingQueue<>();
    private final EventHubConsumerAsyncClient client;
    private final Disposable subscription;

    Receiving(Request request, EventPosition position, ReceiveOptions options) {
        client = request.client().buildAsyncConsumerClient();
        subscription = client.receiveFromPartition(request.text("partition_id"), position, options)
            .subscribe(told::add, told::add, () -> told.add(new IllegalStateException("the SDK has ended the stream")));
    }

    /** The next event, or null; throws what the consumer was told. */
    PartitionEvent event(Duration timeout) throws Exception {
        Object next = told.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
        if (next instanceof Exception error) {
            throw error;
        }
        if (next instanceof Error error) {
            throw error;
        }
        return (PartitionEvent) next;
    }

    /** The next error; events before it do not matter. */
    Throwable error(Duration timeout) throws InterruptedException {
        for (;;) {
            Object next = told.poll(timeout.toMillis(), TimeUnit.MILLISECONDS);
            if (next == null) {
                throw new IllegalStateException("no error came");
            }
            if (next instanceof Throwable error) {
                return error;
            }
        }
    }

    @Override
    public void close() {
        subscription.dispose();
        client.close();
    }

    static void receive(Request request) throws Exception {
        ReceiveOptions options = new ReceiveOptions()
            .setTrackLastEnqueuedEventProperties(request.json().path("track").asBoolean());
        if (request.json().has("owner_level")) {
            options.setOwnerLevel(request.json().get("owner_level").asLong());
        }
        try (Receiving receiving = new Receiving(request, request.position(), options);
            Trickle trickle = request.json().has("trickle") ? new Trickle(request) : null) {
            for (int i = 0; i < request.count(); i++) {
                PartitionEvent got = receiving.event(request.timeout());
                if (got == null) {
                    break;
                }
                say(got);
            }
        }
    }

    private static void say(PartitionEvent event) {
        String partition = event.getPartitionContext().getPartitionId();
        Lines.event(partition, event.getData(), event.getLastEnqueuedEventProperties(), Map.of());
    }

    /** A higher owner level takes the partition over; a lower one and none at all are refused. */
    static void epoch(Request request) throws Exception {
        try (Receiving first = open(request, 1L)) {
            require(first.event(request.timeout()), "the first receiver got nothing");
            try (Receiving second = open(request, 2L)) {
                PartitionEvent got = second.event(request.timeout());
                require(got, "the second receiver got nothing");
                say(got);
                Lines.say("disconnected", Lines.failure(first.error(request.timeout())));
                for (Long level : new Long[] {1L, null}) {
                    try (Receiving late = open(request, level)) {
                        Lines.say("refused", Lines.failure(late.error(request.timeout())));
                    }
                }
            }
        }
    }

    private static Receiving open(Request request, Long level) {
        return new Receiving(request, EventPosition.earliest(), new ReceiveOptions().setOwnerLevel(level));
    }

    private static void require(PartitionEvent event, String otherwise) {
        if (event == null) {
            throw new IllegalStateException(otherwise);
        }
    }

    /** Receives until a line comes in; the SDK goes on after the last event that it handed out. */
    static void stream(Request request) throws Exception {
        Main.LineComes stop = new Main.LineComes();
        EventPosition position = request.position();
        while (!stop.hasCome()) {
            try (Receiving receiving = new Receiving(request, position, new ReceiveOptions())) {
                while (!stop.hasCome()) {
                    PartitionEvent got = receiving.event(Duration.ofMillis(100));
                    if (got != null) {
                        say(got);
                        position = EventPosition.fromOffsetString(got.getData().getOffsetString());
                    }
                }
            } catch (RuntimeException error) {
                // The SDK has given up; a program would begin anew where it was.
                Lines.say("trouble", Lines.failure(error));
            }
        }
    }

    /** Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition. */
    private static final class Trickle implements AutoCloseable {
        private final Thread thread;

        Trickle(Request request) {
            thread = new Thread(() -> run(request));
            thread.start();
        }

        private static void run(Request request) {
            SendOptions options = new SendOptions().setPartitionId(request.text("partition_id"));
            try (EventHubProducerClient client = request.client().buildProducerClient()) {
                while (true) {
                    EventData event = request.event(request.json().get("trickle"));
                    client.send(List.of(event), options);
                    Thread.sleep(300);
                }
            } catch (InterruptedException | RuntimeException stopped) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public void close() throws InterruptedException {
            thread.interrupt();
            thread.join();
        }
    }
}

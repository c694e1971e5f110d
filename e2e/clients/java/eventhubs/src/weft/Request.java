package weft;

import com.azure.core.amqp.AmqpRetryMode;
import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.amqp.AmqpTransportType;
import com.azure.core.credential.TokenCredential;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.checkpointstore.blob.BlobCheckpointStore;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.storage.blob.BlobContainerClientBuilder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.apache.qpid.proton.amqp.Binary;

/** A request, and the clients and events that it asks for. */
record Request(JsonNode json) {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final String PATTERN = "abcdefghijklmnopqrstuvwxyz";

    /** A bare word is a scenario. */
    static Request parse(String text) throws IOException {
        return new Request(text.startsWith("{")
            ? MAPPER.readTree(text)
            : MAPPER.createObjectNode().put("scenario", text));
    }

    String scenario() {
        return json.path("scenario").asText();
    }

    String text(String name) {
        JsonNode value = json.get(name);
        return value == null ? null : value.asText();
    }

    String text(String name, String otherwise) {
        String value = text(name);
        return value == null ? otherwise : value;
    }

    int count() {
        return json.path("count").asInt();
    }

    Duration timeout() {
        return seconds("timeout", 10);
    }

    Duration seconds(String name, double otherwise) {
        return Duration.ofMillis((long) (json.path(name).asDouble(otherwise) * 1000));
    }

    String connection() {
        return text("connection", System.getenv("EVENT_HUB_CONNECTION_STR"));
    }

    String hub() {
        return text("hub", System.getenv("EVENT_HUB_NAME"));
    }

    String consumerGroup() {
        return text("consumer_group", "$Default");
    }

    /** Whether the program shows a token in the place of a connection string. */
    static boolean passwordless() {
        return "token".equals(System.getenv("EVENT_HUB_CREDENTIAL"));
    }

    static TokenCredential credential() {
        return new DefaultAzureCredentialBuilder().build();
    }

    static String namespace() {
        return System.getenv("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE");
    }

    /** Checkpoints in the container that the environment names; in memory, if it names none. */
    static CheckpointStore checkpointStore() {
        String container = System.getenv("BLOB_CONTAINER_NAME");
        if (container == null) {
            return new Store();
        }
        BlobContainerClientBuilder builder = new BlobContainerClientBuilder().containerName(container);
        if (passwordless()) {
            builder.endpoint(System.getenv("BLOB_STORAGE_ACCOUNT_URL")).credential(credential());
        } else {
            builder.connectionString(System.getenv("BLOB_STORAGE_CONNECTION_STRING"));
        }
        return new BlobCheckpointStore(builder.buildAsyncClient());
    }

    static String customEndpoint() {
        return System.getenv("EVENT_HUB_CUSTOM_ENDPOINT");
    }

    static AmqpTransportType transport() {
        return "websocket".equals(System.getenv("EVENT_HUB_TRANSPORT"))
            ? AmqpTransportType.AMQP_WEB_SOCKETS
            : AmqpTransportType.AMQP;
    }

    AmqpRetryOptions retries() {
        return new AmqpRetryOptions()
            .setMode(AmqpRetryMode.EXPONENTIAL)
            .setMaxRetries(json.path("retries").asInt(3))
            .setDelay(Duration.ofMillis(200))
            .setMaxDelay(Duration.ofSeconds(1))
            // After a lost connection Java waits for this long before it tries again.
            .setTryTimeout(Duration.ofMillis(scenario().startsWith("stream") ? 1500 : 20000));
    }

    EventHubClientBuilder client() {
        EventHubClientBuilder builder = new EventHubClientBuilder()
            .consumerGroup(consumerGroup())
            .retryOptions(retries())
            .transportType(transport());
        if (passwordless()) {
            builder.credential(namespace(), hub(), credential());
        } else {
            builder.connectionString(connection(), hub());
        }
        return customEndpoint() == null ? builder : builder.customEndpointAddress(customEndpoint());
    }

    EventPosition position() {
        JsonNode from = json.get("from");
        if (from.isTextual()) {
            return from.asText().equals("latest") ? EventPosition.latest() : EventPosition.earliest();
        }
        boolean inclusive = from.path("inclusive").asBoolean();
        if (from.has("sequence_number")) {
            return EventPosition.fromSequenceNumber(from.get("sequence_number").asLong(), inclusive);
        }
        if (inclusive) {
            throw new Main.Unsupported("in this SDK only a sequence number can be included");
        }
        return from.has("offset")
            ? EventPosition.fromOffsetString(from.get("offset").asText())
            : EventPosition.fromEnqueuedTime(Instant.ofEpochMilli(from.get("enqueued_time").asLong()));
    }

    List<EventData> events() {
        List<EventData> events = new ArrayList<>();
        json.get("events").forEach(wanted -> events.add(event(wanted)));
        return events;
    }

    EventData event(JsonNode wanted) {
        EventData event = new EventData(body(wanted));
        for (Map.Entry<String, JsonNode> property : wanted.path("properties").properties()) {
            event.getProperties().put(property.getKey(), toJava(property.getValue()));
        }
        if (wanted.has("message_id")) {
            event.setMessageId(wanted.get("message_id").asText());
        }
        if (wanted.has("content_type")) {
            event.setContentType(wanted.get("content_type").asText());
        }
        if (wanted.has("correlation_id")) {
            event.setCorrelationId(wanted.get("correlation_id").asText());
        }
        return event;
    }

    private static byte[] body(JsonNode wanted) {
        if (!wanted.has("size")) {
            return wanted.get("body").asText().getBytes(StandardCharsets.UTF_8);
        }
        byte[] body = new byte[wanted.get("size").asInt()];
        for (int i = 0; i < body.length; i++) {
            body[i] = (byte) PATTERN.charAt(i % PATTERN.length());
        }
        return body;
    }

    /** The types that Proton-J writes as AMQP's own. */
    private static Object toJava(JsonNode value) {
        if (value.isNumber()) {
            return value.numberValue();
        }
        if (value.isBoolean()) {
            return value.asBoolean();
        }
        if (value.isTextual()) {
            return value.asText();
        }
        if (value.has("bytes")) {
            return new Binary(Base64.getDecoder().decode(value.get("bytes").asText()));
        }
        return value.has("time") ? new Date(value.get("time").asLong()) : null;
    }
}

package weft;

import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.PartitionProperties;
import com.azure.messaging.eventhubs.models.LastEnqueuedEventProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.qpid.proton.amqp.Binary;
import reactor.core.Exceptions;

/** Lines of JSON, one object each. */
final class Lines {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    /** Longer bodies are told by their digest. */
    private static final int SHOWN = 1024;

    static synchronized void say(String kind, Object value) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put(kind, value);
        try {
            byte[] bytes = (MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
            System.out.write(bytes, 0, bytes.length);
            System.out.flush();
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    static void event(String partition, EventData event, LastEnqueuedEventProperties tracked, Map<String, ?> more) {
        byte[] body = event.getBody();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("partition_id", partition);
        told.put("sequence_number", event.getSequenceNumber());
        told.put("offset", event.getOffsetString());
        told.put("enqueued_time", milliseconds(event.getEnqueuedTime()));
        told.put("partition_key", event.getPartitionKey());
        told.put("size", body.length);
        told.put("properties", toJson(event.getProperties()));
        told.put("system_properties", toJson(event.getSystemProperties()));
        told.put("message_id", event.getMessageId());
        told.put("content_type", event.getContentType());
        told.put("correlation_id", event.getCorrelationId());
        if (body.length <= SHOWN) {
            told.put("body", new String(body, StandardCharsets.UTF_8));
        } else {
            told.put("sha256", digest(body));
        }
        if (tracked != null) {
            Map<String, Object> last = new LinkedHashMap<>();
            last.put("sequence_number", tracked.getSequenceNumber());
            last.put("offset", tracked.getOffsetString());
            last.put("enqueued_time", milliseconds(tracked.getEnqueuedTime()));
            last.put("retrieval_time", milliseconds(tracked.getRetrievalTime()));
            told.put("last_enqueued", last);
        }
        told.putAll(more);
        say("event", told);
    }

    static void partition(PartitionProperties properties) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("id", properties.getId());
        told.put("beginning_sequence_number", properties.getBeginningSequenceNumber());
        told.put("last_enqueued_sequence_number", properties.getLastEnqueuedSequenceNumber());
        told.put("last_enqueued_offset", properties.getLastEnqueuedOffset());
        told.put("last_enqueued_time", milliseconds(properties.getLastEnqueuedTime()));
        told.put("is_empty", properties.isEmpty());
        say("partition", told);
    }

    static Long milliseconds(Instant moment) {
        return moment == null ? null : moment.toEpochMilli();
    }

    private static Map<String, Object> toJson(Map<String, Object> values) {
        Map<String, Object> told = new LinkedHashMap<>();
        values.forEach((name, value) -> told.put(name, toJson(value)));
        return told;
    }

    private static Object toJson(Object value) {
        if (value instanceof Binary binary) {
            byte[] bytes = new byte[binary.getLength()];
            binary.asByteBuffer().get(bytes);
            return Map.of("bytes", Base64.getEncoder().encodeToString(bytes));
        }
        if (value instanceof byte[] bytes) {
            return Map.of("bytes", Base64.getEncoder().encodeToString(bytes));
        }
        if (value instanceof Date date) {
            return Map.of("time", date.getTime());
        }
        if (value instanceof Instant moment) {
            return Map.of("time", moment.toEpochMilli());
        }
        if (value == null || value instanceof String || value instanceof Boolean) {
            return value;
        }
        if (value instanceof Byte || value instanceof Short || value instanceof Integer || value instanceof Long) {
            return ((Number) value).longValue();
        }
        if (value instanceof Number number) {
            return number.doubleValue();
        }
        return Map.of("other", value.toString());
    }

    private static String digest(byte[] body) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    static Map<String, Object> failure(Throwable error) {
        error = Exceptions.unwrap(error);
        String condition = null;
        for (Throwable cause = error; cause != null && condition == null; cause = cause.getCause()) {
            if (cause instanceof AmqpException amqp && amqp.getErrorCondition() != null) {
                condition = amqp.getErrorCondition().getErrorCondition();
            }
        }
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("class", error.getClass().getSimpleName());
        told.put("condition", condition);
        told.put("text", String.valueOf(error.getMessage()));
        return told;
    }

    private Lines() {
    }
}

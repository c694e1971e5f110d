package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/Azure/go-amqp"
)

type object = map[string]any

// Longer bodies are told by their digest.
const shown = 1024

var printing sync.Mutex

func say(kind string, value any) {
	line, err := json.Marshal(object{kind: value})
	if err != nil {
		panic(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Fprintln(os.Stdout, string(line))
}

func sayEvent(partition string, event *azeventhubs.ReceivedEventData, more object) {
	told := object{
		"partition_id":      partition,
		"sequence_number":   event.SequenceNumber,
		"offset":            event.Offset,
		"enqueued_time":     event.EnqueuedTime.UnixMilli(),
		"partition_key":     event.PartitionKey,
		"size":              len(event.Body),
		"properties":        toJSONMap(event.Properties),
		"system_properties": toJSONMap(event.SystemProperties),
		"message_id":        event.MessageID,
		"content_type":      event.ContentType,
		"correlation_id":    toJSON(event.CorrelationID),
	}
	if len(event.Body) <= shown {
		told["body"] = string(event.Body)
	} else {
		digest := sha256.Sum256(event.Body)
		told["sha256"] = hex.EncodeToString(digest[:])
	}
	for name, value := range more {
		told[name] = value
	}
	say("event", told)
}

func sayPartition(properties azeventhubs.PartitionProperties) {
	say("partition", object{
		"id":                            properties.PartitionID,
		"beginning_sequence_number":     properties.BeginningSequenceNumber,
		"last_enqueued_sequence_number": properties.LastEnqueuedSequenceNumber,
		"last_enqueued_offset":          properties.LastEnqueuedOffset,
		"last_enqueued_time":            properties.LastEnqueuedOn.UnixMilli(),
		"is_empty":                      properties.IsEmpty,
	})
}

func toJSONMap(values map[string]any) object {
	told := object{}
	for name, value := range values {
		told[name] = toJSON(value)
	}
	return told
}

func toJSON(value any) any {
	switch value := value.(type) {
	case []byte:
		return object{"bytes": base64.StdEncoding.EncodeToString(value)}
	case time.Time:
		return object{"time": value.UnixMilli()}
	case nil, bool, string, int8, int16, int32, int64, int, uint8, uint16, uint32, uint64, float32, float64:
		return value
	}
	return object{"other": fmt.Sprint(value)}
}

// The SDK's own errors keep the condition in their text alone.
func failure(err error) object {
	told := object{"class": fmt.Sprintf("%T", err), "condition": nil, "text": err.Error()}
	var hub *azeventhubs.Error
	if errors.As(err, &hub) {
		told["class"] = "azeventhubs.Error " + string(hub.Code)
	}
	if errors.Is(err, azeventhubs.ErrEventDataTooLarge) {
		told["class"] = "ErrEventDataTooLarge"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		told["class"] = "context.DeadlineExceeded"
	}
	if inner := amqpError(err); inner != nil {
		told["condition"] = string(inner.Condition)
	}
	return told
}

func amqpError(err error) *amqp.Error {
	var inner *amqp.Error
	var link *amqp.LinkError
	var connection *amqp.ConnError
	switch {
	case errors.As(err, &inner):
		return inner
	case errors.As(err, &link):
		return link.RemoteErr
	case errors.As(err, &connection):
		return connection.RemoteErr
	}
	return nil
}

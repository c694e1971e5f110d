package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

type request struct {
	Scenario      string   `json:"scenario"`
	Connection    string   `json:"connection"`
	Hub           string   `json:"hub"`
	ConsumerGroup string   `json:"consumer_group"`
	Retries       *int32   `json:"retries"`
	Mode          string   `json:"mode"`
	Events        []wanted `json:"events"`
	PartitionID   *string  `json:"partition_id"`
	PartitionKey  *string  `json:"partition_key"`
	From          start    `json:"from"`
	Count         int      `json:"count"`
	Timeout       float64  `json:"timeout"`
	OwnerLevel    *int64   `json:"owner_level"`
	Track         bool     `json:"track"`
	Trickle       *wanted  `json:"trickle"`
	Prefix        string   `json:"prefix"`
	Pause         *float64 `json:"pause"`
	Expiration    float64  `json:"expiration"`
}

// An event to be sent.
type wanted struct {
	Body          string         `json:"body"`
	Size          int            `json:"size"`
	Properties    map[string]any `json:"properties"`
	MessageID     *string        `json:"message_id"`
	ContentType   *string        `json:"content_type"`
	CorrelationID *string        `json:"correlation_id"`
}

// Where to begin: "earliest", "latest" or a position.
type start struct {
	word     string
	position struct {
		Offset         *string `json:"offset"`
		SequenceNumber *int64  `json:"sequence_number"`
		EnqueuedTime   *int64  `json:"enqueued_time"`
		Inclusive      bool    `json:"inclusive"`
	}
}

func (s *start) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &s.word)
	}
	return json.Unmarshal(text, &s.position)
}

// A bare word is a scenario.
func parse(text string) (*request, error) {
	if !strings.HasPrefix(text, "{") {
		return &request{Scenario: text}, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	parsed := &request{}
	return parsed, decoder.Decode(parsed)
}

func (r *request) timeout() time.Duration {
	return time.Duration(r.Timeout * float64(time.Second))
}

// How long a processor owns a partition that it does not speak of.
func (r *request) expiration() time.Duration {
	return time.Duration(r.Expiration * float64(time.Second))
}

func (r *request) pause() time.Duration {
	if r.Pause == nil {
		return 10 * time.Millisecond
	}
	return time.Duration(*r.Pause * float64(time.Second))
}

func (r *request) startPosition() azeventhubs.StartPosition {
	yes := true
	switch r.From.word {
	case "earliest":
		return azeventhubs.StartPosition{Earliest: &yes}
	case "latest":
		return azeventhubs.StartPosition{Latest: &yes}
	}
	position := azeventhubs.StartPosition{
		Offset:         r.From.position.Offset,
		SequenceNumber: r.From.position.SequenceNumber,
		Inclusive:      r.From.position.Inclusive,
	}
	if r.From.position.EnqueuedTime != nil {
		moment := time.UnixMilli(*r.From.position.EnqueuedTime)
		position.EnqueuedTime = &moment
	}
	return position
}

func (w *wanted) event() (*azeventhubs.EventData, error) {
	event := &azeventhubs.EventData{Body: w.content(), ContentType: w.ContentType, MessageID: w.MessageID}
	if w.CorrelationID != nil {
		event.CorrelationID = *w.CorrelationID
	}
	if w.Properties != nil {
		event.Properties = map[string]any{}
	}
	for name, value := range w.Properties {
		native, err := toGo(value)
		if err != nil {
			return nil, err
		}
		event.Properties[name] = native
	}
	return event, nil
}

func (w *wanted) content() []byte {
	if w.Size == 0 {
		return []byte(w.Body)
	}
	pattern := []byte("abcdefghijklmnopqrstuvwxyz")
	return bytes.Repeat(pattern, w.Size/len(pattern)+1)[:w.Size]
}

func toGo(value any) (any, error) {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole, nil
		}
		return value.Float64()
	case map[string]any:
		if text, is := value["bytes"].(string); is {
			return base64.StdEncoding.DecodeString(text)
		}
		milliseconds, err := value["time"].(json.Number).Int64()
		return time.UnixMilli(milliseconds), err
	}
	return value, nil
}

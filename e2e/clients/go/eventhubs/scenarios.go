package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func properties(ctx context.Context, r *request) error {
	client, err := producer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	var ids []string
	if r.PartitionID != nil {
		ids = []string{*r.PartitionID}
	} else {
		found, err := client.GetEventHubProperties(ctx, nil)
		if err != nil {
			return err
		}
		ids = found.PartitionIDs
		say("hub", object{"name": found.Name, "created_at": found.CreatedOn.UnixMilli(), "partition_ids": ids})
	}
	for _, id := range ids {
		found, err := client.GetPartitionProperties(ctx, id, nil)
		if err != nil {
			return err
		}
		sayPartition(found)
	}
	return nil
}

func send(ctx context.Context, r *request) error {
	switch r.Mode {
	case "single", "list":
		return unsupported("this SDK sends batches only")
	case "buffered":
		return unsupported("this SDK has no buffered producer")
	}
	client, err := producer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	if err := sendBatch(ctx, client, r.Events, r.PartitionID, r.PartitionKey); err != nil {
		return err
	}
	say("sent", object{"events": len(r.Events)})
	return nil
}

func sendBatch(ctx context.Context, client *azeventhubs.ProducerClient, events []wanted, id, key *string) error {
	options := &azeventhubs.EventDataBatchOptions{PartitionID: id, PartitionKey: key}
	batch, err := client.NewEventDataBatch(ctx, options)
	if err != nil {
		return err
	}
	for _, wanted := range events {
		event, err := wanted.event()
		if err != nil {
			return err
		}
		if err := batch.AddEventData(event, nil); err != nil {
			return err
		}
	}
	return client.SendEventDataBatch(ctx, batch, nil)
}

func receive(ctx context.Context, r *request) error {
	if r.Track {
		return unsupported("this SDK does not show the last enqueued event")
	}
	receiving, err := newReceiving(ctx, r, azeventhubs.PartitionClientOptions{
		StartPosition: r.startPosition(),
		OwnerLevel:    r.OwnerLevel,
	})
	if err != nil {
		return err
	}
	defer receiving.close(ctx)
	if r.Trickle != nil {
		stopped, stop := context.WithCancel(ctx)
		trickling := make(chan struct{})
		go func() {
			defer close(trickling)
			trickle(stopped, r)
		}()
		defer func() {
			stop()
			<-trickling
		}()
	}
	for range r.Count {
		event, err := receiving.event(ctx, r.timeout())
		if err != nil {
			return err
		}
		if event == nil {
			break
		}
		sayEvent(*r.PartitionID, event, nil)
	}
	return nil
}

// Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition.
func trickle(ctx context.Context, r *request) {
	client, err := producer(r)
	if err != nil {
		return
	}
	defer client.Close(context.Background())
	for ctx.Err() == nil {
		_ = sendBatch(context.Background(), client, []wanted{*r.Trickle}, r.PartitionID, nil)
		time.Sleep(300 * time.Millisecond)
	}
}

// A client of one partition.
type receiving struct {
	consumer  *azeventhubs.ConsumerClient
	partition *azeventhubs.PartitionClient
}

func newReceiving(ctx context.Context, r *request, options azeventhubs.PartitionClientOptions) (*receiving, error) {
	client, err := consumer(r)
	if err != nil {
		return nil, err
	}
	partition, err := client.NewPartitionClient(*r.PartitionID, &options)
	if err != nil {
		client.Close(ctx)
		return nil, err
	}
	return &receiving{consumer: client, partition: partition}, nil
}

// The next event, or nil when none came in time.
func (c *receiving) event(ctx context.Context, timeout time.Duration) (*azeventhubs.ReceivedEventData, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	events, err := c.partition.ReceiveEvents(ctx, 1, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return events[0], nil
}

// The next error; events before it do not matter.
func (c *receiving) failure(ctx context.Context, timeout time.Duration) (object, error) {
	for {
		event, err := c.event(ctx, timeout)
		if err != nil {
			return failure(err), nil
		}
		if event == nil {
			return nil, errors.New("no error came")
		}
	}
}

func (c *receiving) close(ctx context.Context) {
	_ = c.partition.Close(ctx)
	_ = c.consumer.Close(ctx)
}

// A higher owner level takes the partition over; a lower one and none at all are refused.
func epoch(ctx context.Context, r *request) error {
	yes, one, two := true, int64(1), int64(2)
	open := func(level *int64) (*receiving, error) {
		return newReceiving(ctx, r, azeventhubs.PartitionClientOptions{
			StartPosition: azeventhubs.StartPosition{Earliest: &yes},
			OwnerLevel:    level,
		})
	}
	first, err := open(&one)
	if err != nil {
		return err
	}
	defer first.close(ctx)
	if event, err := first.event(ctx, r.timeout()); err != nil || event == nil {
		return fmt.Errorf("the first receiver got nothing: %w", err)
	}
	second, err := open(&two)
	if err != nil {
		return err
	}
	defer second.close(ctx)
	event, err := second.event(ctx, r.timeout())
	if err != nil || event == nil {
		return fmt.Errorf("the second receiver got nothing: %w", err)
	}
	sayEvent(*r.PartitionID, event, nil)
	told, err := first.failure(ctx, r.timeout())
	if err != nil {
		return err
	}
	say("disconnected", told)
	for _, level := range []*int64{&one, nil} {
		if err := refused(ctx, r, open, level); err != nil {
			return err
		}
	}
	return nil
}

func refused(ctx context.Context, r *request, open func(*int64) (*receiving, error), level *int64) error {
	late, err := open(level)
	if err != nil {
		return err
	}
	defer late.close(ctx)
	told, err := late.failure(ctx, r.timeout())
	if err == nil {
		say("refused", told)
	}
	return err
}

// Sends an event after the other until a line comes in, whatever happens to the broker.
func streamSend(ctx context.Context, r *request) error {
	stop := untilLineComes(ctx)
	client, err := producer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	for number := 0; stop.Err() == nil; number++ {
		body := fmt.Sprintf("%s%d", r.Prefix, number)
		err := sendBatch(ctx, client, []wanted{{Body: body}}, r.PartitionID, nil)
		if err != nil {
			say("failed", object{"body": body, "error": failure(err)})
		} else {
			say("acknowledged", body)
		}
		time.Sleep(r.pause())
	}
	return nil
}

// Receives until a line comes in; the SDK goes on after the last event that it handed out.
func streamReceive(ctx context.Context, r *request) error {
	stop := untilLineComes(ctx)
	receiving, err := newReceiving(ctx, r, azeventhubs.PartitionClientOptions{StartPosition: r.startPosition()})
	if err != nil {
		return err
	}
	defer receiving.close(ctx)
	for stop.Err() == nil {
		event, err := receiving.event(stop, 10*time.Second)
		switch {
		case stop.Err() != nil:
		case err != nil:
			say("trouble", failure(err))
			time.Sleep(200 * time.Millisecond)
		case event != nil:
			sayEvent(*r.PartitionID, event, nil)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// A second processor goes on where the first one left a checkpoint.
func processor(ctx context.Context, r *request) error {
	store, err := checkpointStore()
	if err != nil {
		return err
	}
	if err := process(ctx, r, store, 1, r.Count); err != nil {
		return err
	}
	client, err := producer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	for _, event := range r.Events {
		if err := sendBatch(ctx, client, []wanted{event}, nil, nil); err != nil {
			return err
		}
	}
	return process(ctx, r, store, 2, len(r.Events))
}

// An event of a partition, or what went wrong there.
type processed struct {
	partition *azeventhubs.ProcessorPartitionClient
	event     *azeventhubs.ReceivedEventData
	err       error
}

func process(ctx context.Context, r *request, store azeventhubs.CheckpointStore, round, count int) error {
	client, err := consumer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	processor, err := newProcessor(client, store, 5*time.Second)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- processor.Run(running) }()
	events := make(chan processed)
	go dispatch(running, processor, events)
	err = take(ctx, r, events, round, count)
	stop()
	if ran := <-ended; err == nil && !errors.Is(ran, context.Canceled) {
		err = ran
	}
	return err
}

func newProcessor(
	client *azeventhubs.ConsumerClient, store azeventhubs.CheckpointStore, expiration time.Duration,
) (*azeventhubs.Processor, error) {
	yes := true
	return azeventhubs.NewProcessor(client, store, &azeventhubs.ProcessorOptions{
		LoadBalancingStrategy:       azeventhubs.ProcessorStrategyGreedy,
		UpdateInterval:              time.Second,
		PartitionExpirationDuration: expiration,
		StartPositions:              azeventhubs.StartPositions{Default: azeventhubs.StartPosition{Earliest: &yes}},
	})
}

// Takes its share of the partitions of a group, with checkpoints in a container, until a line comes in.
func streamProcess(ctx context.Context, r *request) error {
	stop := untilLineComes(ctx)
	store, err := checkpointStore()
	if err != nil {
		return err
	}
	client, err := consumer(r)
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	for stop.Err() == nil {
		// A processor ends with an error when the store is away for long.
		if err := processUntil(stop, client, store, r); err != nil && stop.Err() == nil {
			say("trouble", failure(err))
			time.Sleep(200 * time.Millisecond)
		}
	}
	return nil
}

func processUntil(
	stop context.Context, client *azeventhubs.ConsumerClient, store azeventhubs.CheckpointStore, r *request,
) error {
	processor, err := newProcessor(client, store, r.expiration())
	if err != nil {
		return err
	}
	running, end := context.WithCancel(stop)
	defer end()
	go func() {
		for {
			partition := processor.NextPartitionClient(running)
			if partition == nil {
				return
			}
			go follow(running, partition)
		}
	}()
	return processor.Run(running)
}

// Stores a checkpoint after every event of a partition.
func follow(ctx context.Context, partition *azeventhubs.ProcessorPartitionClient) {
	defer partition.Close(context.Background())
	for {
		events, err := partition.ReceiveEvents(ctx, 1, nil)
		if err != nil {
			if ctx.Err() == nil {
				say("trouble", failure(err))
			}
			return
		}
		for _, event := range events {
			sayEvent(partition.PartitionID(), event, nil)
			if err := partition.UpdateCheckpoint(ctx, event, nil); err != nil {
				say("trouble", failure(err))
				continue
			}
			say("checkpoint", object{"partition_id": partition.PartitionID(), "sequence_number": event.SequenceNumber})
		}
	}
}

func dispatch(ctx context.Context, processor *azeventhubs.Processor, events chan<- processed) {
	for {
		partition := processor.NextPartitionClient(ctx)
		if partition == nil {
			return
		}
		go pump(ctx, partition, events)
	}
}

func pump(ctx context.Context, partition *azeventhubs.ProcessorPartitionClient, events chan<- processed) {
	defer partition.Close(context.Background())
	for ctx.Err() == nil {
		received, err := partition.ReceiveEvents(ctx, 1, nil)
		next := processed{partition: partition, err: err}
		if err == nil {
			next.event = received[0]
		}
		select {
		case events <- next:
		case <-ctx.Done():
		}
		if err != nil {
			return
		}
	}
}

func take(ctx context.Context, r *request, events <-chan processed, round, count int) error {
	for range count {
		select {
		case next := <-events:
			if next.err != nil {
				return next.err
			}
			sayEvent(next.partition.PartitionID(), next.event, object{"round": round})
			if err := next.partition.UpdateCheckpoint(ctx, next.event, nil); err != nil {
				return err
			}
		case <-time.After(r.timeout()):
			return fmt.Errorf("fewer than %d events in round %d", count, round)
		}
	}
	return nil
}

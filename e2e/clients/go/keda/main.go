// What KEDA's azure-eventhub scaler knows of a consumer group, a line of JSON for each partition. Usage: keda GROUP, with
// the environment of e2e/src/eventhubs.rs.
//
// These are the calls that the scaler makes for a partition. Its own package holds those of all other systems, too, and
// takes several times as long to build.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scalers/azure"
)

// KEDA's own, where nobody chooses another.
const httpTimeout = 3 * time.Second

// How far a partition was processed, and how far it goes: the scaler takes one from the other.
type progress struct {
	PartitionID    string `json:"partition_id"`
	SequenceNumber int64  `json:"sequence_number"`
	LastEnqueued   int64  `json:"last_enqueued_sequence_number"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: keda GROUP"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	partitions, err := read(ctx, trigger(os.Args[1]))
	if err != nil {
		fail(err)
	}
	output := json.NewEncoder(os.Stdout)
	for _, partition := range partitions {
		if err := output.Encode(partition); err != nil {
			fail(err)
		}
	}
}

// What KEDA makes of a trigger without pod identity.
func trigger(group string) azure.EventHubInfo {
	return azure.EventHubInfo{
		EventHubConnection:    os.Getenv("EVENT_HUB_CONNECTION_STR") + ";EntityPath=" + os.Getenv("EVENT_HUB_NAME"),
		EventHubConsumerGroup: group,
		StorageConnection:     os.Getenv("BLOB_STORAGE_CONNECTION_STRING"),
		BlobContainer:         os.Getenv("BLOB_CONTAINER_NAME"),
		CheckpointStrategy:    "blobMetadata",
	}
}

func read(ctx context.Context, info azure.EventHubInfo) ([]progress, error) {
	hub, err := azure.GetEventHubClient(info, logr.Discard())
	if err != nil {
		return nil, err
	}
	defer hub.Close(ctx)
	blobs, err := azure.GetStorageBlobClient(
		logr.Discard(), v1alpha1.AuthPodIdentity{}, info.StorageConnection, "", "", httpTimeout,
	)
	if err != nil {
		return nil, err
	}
	properties, err := hub.GetEventHubProperties(ctx, nil)
	if err != nil {
		return nil, err
	}
	var all []progress
	for _, id := range properties.PartitionIDs {
		partition, err := hub.GetPartitionProperties(ctx, id, nil)
		if err != nil {
			return nil, err
		}
		checkpoint, err := azure.GetCheckpointFromBlobStorage(ctx, blobs, info, id)
		if err != nil {
			return nil, err
		}
		all = append(all, progress{checkpoint.PartitionID, checkpoint.SequenceNumber, partition.LastEnqueuedSequenceNumber})
	}
	return all, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

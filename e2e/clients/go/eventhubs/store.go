package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// Checkpoints in memory, of one hub and one consumer group: the SDK has none to offer.
type store struct {
	mutex       sync.Mutex
	version     int
	checkpoints map[string]azeventhubs.Checkpoint
	ownerships  map[string]azeventhubs.Ownership
}

func newStore() *store {
	return &store{
		checkpoints: map[string]azeventhubs.Checkpoint{},
		ownerships:  map[string]azeventhubs.Ownership{},
	}
}

func (s *store) ClaimOwnership(
	_ context.Context, claims []azeventhubs.Ownership, _ *azeventhubs.ClaimOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var granted []azeventhubs.Ownership
	for _, claim := range claims {
		current, exists := s.ownerships[claim.PartitionID]
		if exists && (claim.ETag == nil || *claim.ETag != *current.ETag) {
			continue
		}
		s.version++
		tag := azcore.ETag(strconv.Itoa(s.version))
		claim.ETag, claim.LastModifiedTime = &tag, time.Now()
		s.ownerships[claim.PartitionID] = claim
		granted = append(granted, claim)
	}
	return granted, nil
}

func (s *store) ListOwnership(
	_ context.Context, _, _, _ string, _ *azeventhubs.ListOwnershipOptions,
) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return values(s.ownerships), nil
}

func (s *store) ListCheckpoints(
	_ context.Context, _, _, _ string, _ *azeventhubs.ListCheckpointsOptions,
) ([]azeventhubs.Checkpoint, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return values(s.checkpoints), nil
}

func (s *store) SetCheckpoint(
	_ context.Context, checkpoint azeventhubs.Checkpoint, _ *azeventhubs.SetCheckpointOptions,
) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.checkpoints[checkpoint.PartitionID] = checkpoint
	return nil
}

func values[V any](entries map[string]V) []V {
	var all []V
	for _, entry := range entries {
		all = append(all, entry)
	}
	return all
}

package weft;

import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.models.Checkpoint;
import com.azure.messaging.eventhubs.models.PartitionOwnership;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Checkpoints in memory, of one hub and one consumer group: the SDK has such a store only among its samples. */
final class Store implements CheckpointStore {
    private final Map<String, PartitionOwnership> ownerships = new HashMap<>();
    private final Map<String, Checkpoint> checkpoints = new HashMap<>();
    private long version;

    @Override
    public synchronized Flux<PartitionOwnership> listOwnership(String namespace, String hub, String group) {
        return Flux.fromIterable(new ArrayList<>(ownerships.values()));
    }

    @Override
    public synchronized Flux<PartitionOwnership> claimOwnership(List<PartitionOwnership> claims) {
        List<PartitionOwnership> granted = new ArrayList<>();
        for (PartitionOwnership claim : claims) {
            PartitionOwnership current = ownerships.get(claim.getPartitionId());
            if (current != null && !current.getETag().equals(claim.getETag())) {
                continue;
            }
            version++;
            claim.setETag(Long.toString(version)).setLastModifiedTime(System.currentTimeMillis());
            ownerships.put(claim.getPartitionId(), claim);
            granted.add(claim);
        }
        return Flux.fromIterable(granted);
    }

    @Override
    public synchronized Flux<Checkpoint> listCheckpoints(String namespace, String hub, String group) {
        return Flux.fromIterable(new ArrayList<>(checkpoints.values()));
    }

    @Override
    public synchronized Mono<Void> updateCheckpoint(Checkpoint checkpoint) {
        checkpoints.put(checkpoint.getPartitionId(), checkpoint);
        return Mono.empty();
    }
}

// Scenarios on @azure/event-hubs. Usage: node client.mjs [REQUEST]..., see e2e/src/eventhubs.rs

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import {
  EventHubBufferedProducerClient,
  EventHubConsumerClient,
  EventHubProducerClient,
  RetryMode,
  earliestEventPosition,
  latestEventPosition,
} from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { DefaultAzureCredential } from "@azure/identity";
import { ContainerClient } from "@azure/storage-blob";
// Not exported: it is what a consumer without a store of its own uses.
import { InMemoryCheckpointStore } from "./node_modules/@azure/event-hubs/dist/esm/inMemoryCheckpointStore.js";
import WebSocket from "ws";

// The body of an event that is asked for by its size.
const PATTERN = "abcdefghijklmnopqrstuvwxyz";
// Longer bodies are told by their digest.
const SHOWN = 1024;

/** Whether the program shows a token in the place of a connection string. */
const passwordless = process.env.EVENT_HUB_CREDENTIAL === "token";
const fullyQualifiedNamespace = process.env.EVENT_HUB_FULLY_QUALIFIED_NAMESPACE;

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Each argument is a request; without arguments, each line of standard input. A bare word is a scenario. */
async function* requests() {
  const texts = process.argv.slice(2);
  for await (const text of texts.length > 0 ? texts : { [Symbol.asyncIterator]: () => input }) {
    if (text.trim()) yield text.startsWith("{") ? JSON.parse(text) : { scenario: text.trim() };
  }
}

function say(kind, value) {
  process.stdout.write(`${JSON.stringify({ [kind]: value })}\n`);
}

function settings(request) {
  const options = {
    retryOptions: {
      maxRetries: request.retries ?? 3,
      mode: RetryMode.Exponential,
      retryDelayInMs: 200,
      maxRetryDelayInMs: 1000,
      // A send that was under way when the connection broke waits for as long as this.
      timeoutInMs: request.scenario.startsWith("stream") ? 1500 : 20000,
    },
    loadBalancingOptions: { strategy: "greedy", updateIntervalInMs: 500 },
  };
  if (request.scenario === "stream_process") {
    options.loadBalancingOptions.updateIntervalInMs = 1000;
    options.loadBalancingOptions.partitionOwnershipExpirationIntervalInMs = request.expiration * 1000;
  }
  if (process.env.EVENT_HUB_CUSTOM_ENDPOINT) options.customEndpointAddress = process.env.EVENT_HUB_CUSTOM_ENDPOINT;
  if (process.env.EVENT_HUB_TRANSPORT === "websocket") options.webSocketOptions = { webSocket: WebSocket };
  const hub = request.hub ?? process.env.EVENT_HUB_NAME;
  if (passwordless) return [[fullyQualifiedNamespace, hub, new DefaultAzureCredential()], options];
  return [[request.connection ?? process.env.EVENT_HUB_CONNECTION_STR, hub], options];
}

/** Checkpoints in the container that the environment names, if it names one. */
function checkpointStore() {
  const { BLOB_CONTAINER_NAME: name, BLOB_STORAGE_ACCOUNT_URL: account } = process.env;
  if (!name) return undefined;
  return new BlobCheckpointStore(
    passwordless
      ? new ContainerClient(`${account}/${name}`, new DefaultAzureCredential())
      : new ContainerClient(process.env.BLOB_STORAGE_CONNECTION_STRING, name),
  );
}

async function withProducer(request, use) {
  const [where, options] = settings(request);
  const client = new EventHubProducerClient(...where, options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** A subscription; what its handlers are told waits in a queue. */
class Receiving {
  constructor(request, options, { partitionId, store } = {}) {
    const [where, clientOptions] = settings(request);
    const group = request.consumer_group ?? "$Default";
    this.client = store
      ? new EventHubConsumerClient(group, ...where, store, clientOptions)
      : new EventHubConsumerClient(group, ...where, clientOptions);
    this.told = [];
    this.waiting = [];
    const handlers = {
      processEvents: async (events, context) => {
        for (const event of events) this.tell({ event, context, tracked: context.lastEnqueuedEventProperties });
      },
      processError: async (error) => this.tell({ error }),
    };
    options = { ...options, skipParsingBodyAsJson: true, maxWaitTimeInSeconds: 0.2, maxBatchSize: 20 };
    this.subscription = partitionId
      ? this.client.subscribe(partitionId, handlers, options)
      : this.client.subscribe(handlers, options);
  }

  tell(what) {
    const waiting = this.waiting.shift();
    if (waiting) waiting(what);
    else this.told.push(what);
  }

  async next(seconds) {
    if (this.told.length > 0) return this.told.shift();
    let take;
    const told = new Promise((resolve) => {
      take = resolve;
      this.waiting.push(resolve);
    });
    const what = await Promise.race([told, sleep(seconds * 1000)]);
    this.waiting = this.waiting.filter((other) => other !== take);
    return what;
  }

  /** The next event, or undefined; throws what the subscription was told. */
  async event(seconds) {
    const what = await this.next(seconds);
    if (what?.error) throw what.error;
    return what;
  }

  /** The next error; events before it do not matter. */
  async error(seconds) {
    for (;;) {
      const what = await this.next(seconds);
      assert.ok(what, "no error came");
      if (what.error) return what.error;
    }
  }

  async close() {
    await this.subscription.close();
    await this.client.close();
  }
}

async function withReceiving(receiving, use) {
  try {
    return await use(receiving);
  } finally {
    await receiving.close();
  }
}

function destination(request) {
  const target = {};
  if (request.partition_id !== undefined) target.partitionId = request.partition_id;
  if (request.partition_key !== undefined) target.partitionKey = request.partition_key;
  return target;
}

function position(request) {
  const { from } = request;
  if (from === "earliest") return earliestEventPosition;
  if (from === "latest") return latestEventPosition;
  const isInclusive = from.inclusive ?? false;
  if (from.offset !== undefined) return { offset: from.offset, isInclusive };
  if (from.sequence_number !== undefined) return { sequenceNumber: from.sequence_number, isInclusive };
  return { enqueuedOn: from.enqueued_time, isInclusive };
}

function toEvent(wanted) {
  const event = { body: body(wanted) };
  if (wanted.properties) event.properties = mapValues(wanted.properties, toJavaScript);
  if (wanted.message_id !== undefined) event.messageId = wanted.message_id;
  if (wanted.content_type !== undefined) event.contentType = wanted.content_type;
  if (wanted.correlation_id !== undefined) event.correlationId = wanted.correlation_id;
  return event;
}

function body(wanted) {
  return wanted.size === undefined ? Buffer.from(wanted.body) : Buffer.alloc(wanted.size, PATTERN);
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object ?? {}).map(([name, value]) => [name, change(value)]));
}

function toJavaScript(value) {
  if (value === null || typeof value !== "object") return value;
  return value.bytes === undefined ? new Date(value.time) : Buffer.from(value.bytes, "base64");
}

/** The SDK gives times in properties back as numbers, and takes binaries apart into objects. */
function toJson(value) {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return { time: value.getTime() };
  if (typeof value !== "object") return value;
  const isBinary = Buffer.isBuffer(value) || Object.keys(value).every((key) => /^\d+$/.test(key));
  return isBinary ? { bytes: Buffer.from(Object.values(value)).toString("base64") } : { other: JSON.stringify(value) };
}

function sayEvent({ event, context, tracked }, more) {
  const content = Buffer.from(event.body);
  const told = {
    partition_id: context.partitionId,
    sequence_number: event.sequenceNumber,
    offset: event.offset,
    enqueued_time: event.enqueuedTimeUtc.getTime(),
    partition_key: event.partitionKey ?? null,
    size: content.length,
    properties: mapValues(event.properties, toJson),
    system_properties: mapValues(event.systemProperties, toJson),
    message_id: toJson(event.messageId),
    content_type: toJson(event.contentType),
    correlation_id: toJson(event.correlationId),
    ...more,
  };
  if (content.length <= SHOWN) told.body = content.toString();
  else told.sha256 = createHash("sha256").update(content).digest("hex");
  if (tracked) {
    told.last_enqueued = {
      sequence_number: tracked.sequenceNumber,
      offset: tracked.offset,
      enqueued_time: tracked.enqueuedOn?.getTime(),
      retrieval_time: tracked.retrievedOn?.getTime(),
    };
  }
  say("event", told);
}

function sayPartition(properties) {
  say("partition", {
    id: properties.partitionId,
    beginning_sequence_number: properties.beginningSequenceNumber,
    last_enqueued_sequence_number: properties.lastEnqueuedSequenceNumber,
    last_enqueued_offset: properties.lastEnqueuedOffset,
    last_enqueued_time: properties.lastEnqueuedOnUtc.getTime(),
    is_empty: properties.isEmpty,
  });
}

function failure(error) {
  return { class: error.code ?? error.name, condition: error.condition ?? null, text: error.message };
}

const send = {
  async single() {
    return "this SDK sends batches only";
  },
  async batch(request, events) {
    await withProducer(request, async (client) => {
      const batch = await client.createBatch(destination(request));
      for (const event of events) {
        if (!batch.tryAdd(event)) throw Object.assign(new Error("the event does not fit"), { code: "tryAdd" });
      }
      await client.sendBatch(batch);
    });
    say("sent", { events: events.length });
  },
  async list(request, events) {
    await withProducer(request, (client) => client.sendBatch(events, destination(request)));
    say("sent", { events: events.length });
  },
  async buffered(request, events) {
    const errors = [];
    const [where, options] = settings(request);
    const client = new EventHubBufferedProducerClient(...where, {
      ...options,
      onSendEventsSuccessHandler: ({ events: sent, partitionId }) =>
        say("sent", { events: sent.length, partition_id: partitionId }),
      onSendEventsErrorHandler: ({ error }) => errors.push(error),
    });
    try {
      for (const event of events) await client.enqueueEvent(event, destination(request));
      await client.flush();
    } finally {
      await client.close();
    }
    if (errors.length > 0) throw errors[0];
  },
};

const scenarios = {
  async properties(request) {
    await withProducer(request, async (client) => {
      if (request.partition_id !== undefined) {
        return sayPartition(await client.getPartitionProperties(request.partition_id));
      }
      const hub = await client.getEventHubProperties();
      say("hub", { name: hub.name, created_at: hub.createdOn.getTime(), partition_ids: hub.partitionIds });
      for (const id of hub.partitionIds) sayPartition(await client.getPartitionProperties(id));
    });
  },

  send(request) {
    return send[request.mode](request, request.events.map(toEvent));
  },

  async receive(request) {
    const options = {
      startPosition: position(request),
      ownerLevel: request.owner_level,
      trackLastEnqueuedEventProperties: request.track ?? false,
    };
    const stop = new AbortController();
    await withReceiving(new Receiving(request, options, { partitionId: request.partition_id }), async (receiving) => {
      const trickling = request.trickle ? trickle(request, stop.signal) : undefined;
      try {
        for (let i = 0; i < request.count; i++) {
          const got = await receiving.event(request.timeout);
          if (!got) break;
          sayEvent(got);
        }
      } finally {
        stop.abort();
        await trickling;
      }
    });
  },

  /** A higher owner level takes the partition over; a lower one and none at all are refused. */
  async epoch(request) {
    const open = (level) =>
      new Receiving(
        request,
        { startPosition: earliestEventPosition, ...(level && { ownerLevel: level }) },
        { partitionId: request.partition_id },
      );
    await withReceiving(open(1), async (first) => {
      assert.ok(await first.event(request.timeout), "the first receiver got nothing");
      await withReceiving(open(2), async (second) => {
        const got = await second.event(request.timeout);
        assert.ok(got, "the second receiver got nothing");
        sayEvent(got);
        say("disconnected", failure(await first.error(request.timeout)));
        for (const level of [1, undefined]) {
          await withReceiving(open(level), async (late) => {
            say("refused", failure(await late.error(request.timeout)));
          });
        }
      });
    });
  },

  /** A second processor goes on where the first one left a checkpoint. */
  async processor(request) {
    const store = checkpointStore() ?? new InMemoryCheckpointStore();
    await processRound(request, store, 1, request.count);
    await withProducer(request, async (client) => {
      for (const event of request.events.map(toEvent)) await client.sendBatch([event]);
    });
    await processRound(request, store, 2, request.events.length);
  },

  /** Sends an event after the other until a line comes in, whatever happens to the broker. */
  async stream_send(request) {
    const stop = lineComes();
    await withProducer(request, async (client) => {
      for (let number = 0; !stop.come; number++) {
        const body = `${request.prefix}${number}`;
        try {
          await client.sendBatch([{ body: Buffer.from(body) }], { partitionId: request.partition_id });
          say("acknowledged", body);
        } catch (error) {
          say("failed", { body, error: failure(error) });
        }
        await sleep((request.pause ?? 0.01) * 1000);
      }
    });
  },

  /** Receives until a line comes in; a checkpoint in memory brings the SDK back to where it was. */
  async stream_receive(request) {
    const stop = lineComes();
    const options = { startPosition: position(request) };
    await withReceiving(new Receiving(request, options, { partitionId: request.partition_id }), async (receiving) => {
      while (!stop.come) {
        const what = await receiving.next(0.1);
        if (what?.error) say("trouble", failure(what.error));
        if (!what?.event) continue;
        sayEvent(what);
        await what.context.updateCheckpoint(what.event);
      }
    });
  },

  /** Takes its share of the partitions of a group, with checkpoints in a container, until a line comes in. */
  async stream_process(request) {
    const [where, options] = settings(request);
    const group = request.consumer_group ?? "$Default";
    const client = new EventHubConsumerClient(group, ...where, checkpointStore(), options);
    const from = { startPosition: earliestEventPosition, skipParsingBodyAsJson: true, maxWaitTimeInSeconds: 0.2 };
    const subscription = client.subscribe(processing, from);
    await input.next();
    await subscription.close();
    await client.close();
  },

  /** Looks who owns the partitions, and asks for all of them at once when a line comes in. */
  async claim(request) {
    const store = checkpointStore();
    const group = {
      fullyQualifiedNamespace,
      eventHubName: request.hub ?? process.env.EVENT_HUB_NAME,
      consumerGroup: request.consumer_group ?? "$Default",
    };
    const listed = await store.listOwnership(group.fullyQualifiedNamespace, group.eventHubName, group.consumerGroup);
    const claims = Array.from({ length: request.count }, (_, number) => {
      const owned = listed.find(({ partitionId }) => partitionId === `${number}`);
      return { ...group, partitionId: `${number}`, ownerId: request.prefix, etag: owned?.etag };
    });
    say("ready", listed.length);
    await input.next();
    const won = await store.claimOwnership(claims);
    say("claimed", won.map(({ partitionId }) => partitionId));
  },
};

/** Handlers of a processor that stores a checkpoint after every event. */
const processing = {
  async processEvents(events, context) {
    for (const event of events) {
      sayEvent({ event, context });
      try {
        await context.updateCheckpoint(event);
        say("checkpoint", { partition_id: context.partitionId, sequence_number: event.sequenceNumber });
      } catch (error) {
        say("trouble", failure(error));
      }
    }
  },
  async processError(error) {
    say("trouble", failure(error));
  },
};

/** Sends an event again and again, because nobody can tell when a consumer stands at the end of its partition. */
async function trickle(request, stop) {
  await withProducer(request, async (client) => {
    while (!stop.aborted) {
      await client.sendBatch([toEvent(request.trickle)], { partitionId: request.partition_id });
      await sleep(300, undefined, { signal: stop }).catch(() => {});
    }
  });
}

async function processRound(request, store, round, count) {
  await withReceiving(new Receiving(request, { startPosition: earliestEventPosition }, { store }), async (receiving) => {
    for (let i = 0; i < count; i++) {
      const got = await receiving.event(request.timeout);
      assert.ok(got, `fewer than ${count} events in round ${round}`);
      sayEvent(got, { round });
      await got.context.updateCheckpoint(got.event);
    }
  });
}

function lineComes() {
  const stop = { come: false };
  input.next().then(() => (stop.come = true));
  return stop;
}

let failed = false;
for await (const request of requests()) {
  try {
    const unsupported = await scenarios[request.scenario](request);
    if (unsupported) say("unsupported", unsupported);
    else say("done", request.scenario);
  } catch (error) {
    failed = true;
    say("error", failure(error));
  }
}
process.exit(failed ? 1 : 0);

// Scenarios on @azure/eventgrid-namespaces, as a user would write them. Usage: node client.mjs SCENARIO
//
// This client drops extension attributes both ways, so it is not asked about them.

import assert from "node:assert/strict";
import { AzureKeyCredential, EventGridReceiverClient, EventGridSenderClient } from "@azure/eventgrid-namespaces";
import { generateSharedAccessSignature } from "@azure/eventgrid";
import { DefaultAzureCredential } from "@azure/identity";

const {
  EVENTGRID_ENDPOINT: endpoint,
  EVENTGRID_KEY: key,
  EVENTGRID_TOPIC_NAME: topic,
  EVENTGRID_EVENT_SUBSCRIPTION_NAME: subscription,
} = process.env;
const options = { allowInsecureConnection: endpoint.startsWith("http:") };

/** Without a key, the token that the environment tells of. */
const credential = (secret) => (secret ? new AzureKeyCredential(secret) : new DefaultAzureCredential());

const sender = (name = topic, secret = key) => new EventGridSenderClient(endpoint, credential(secret), name, options);
const receiver = (name = subscription, secret = key) =>
  new EventGridReceiverClient(endpoint, credential(secret), topic, name, options);
const event = (id, attributes = {}) => ({ source: "/javascript", type: "e2e.test", id, ...attributes });

/** Receives exactly `count` events; they may come in several answers. */
async function receive(client, count = 1) {
  const details = [];
  while (details.length < count) {
    const more = await client.receiveEvents({ maxEvents: count - details.length, maxWaitTime: 10 });
    assert.notEqual(more.details.length, 0, `only ${details.length} of ${count} events came`);
    details.push(...more.details);
  }
  return details;
}

const token = (detail) => detail.brokerProperties.lockToken;

function succeeded(result, tokens) {
  assert.deepEqual(result.succeededLockTokens, tokens);
  assert.deepEqual(result.failedLockTokens, []);
}

function failed(result, lockToken, code) {
  assert.deepEqual(result.succeededLockTokens, []);
  assert.equal(result.failedLockTokens.length, 1);
  assert.equal(result.failedLockTokens[0].lockToken, lockToken);
  assert.equal(result.failedLockTokens[0].error.code, code);
}

async function refused(promise, status, code) {
  await assert.rejects(promise, (error) => {
    assert.equal(Number(error.statusCode ?? error.status), status, `${error}`);
    if (code) assert.equal(error.code, code, `${error}`);
    return true;
  });
}

const scenarios = {
  async every_operation() {
    const client = receiver();
    await sender().sendEvents(event("one", { data: { a: 1 }, subject: "s" }));
    const [detail] = await receive(client);
    assert.equal(detail.brokerProperties.deliveryCount, 1);
    assert.equal(detail.event.id, "one");
    assert.deepEqual(detail.event.data, { a: 1 });
    succeeded(await client.renewEventLocks([token(detail)]), [token(detail)]);
    succeeded(await client.releaseEvents([token(detail)]), [token(detail)]);
    failed(await client.acknowledgeEvents([token(detail)]), token(detail), "TokenLost");

    const [again] = await receive(client);
    assert.equal(again.brokerProperties.deliveryCount, 2);
    succeeded(await client.acknowledgeEvents([token(again)]), [token(again)]);
    failed(await client.acknowledgeEvents([token(again)]), token(again), "TokenLost");
    failed(await client.renewEventLocks([token(again)]), token(again), "TokenLost");

    await sender().sendEvents([event("two"), event("three")]);
    const rest = await receive(client, 2);
    assert.deepEqual(rest.map((d) => d.event.id), ["two", "three"]);
    succeeded(await client.rejectEvents(rest.map(token)), rest.map(token));
    failed(await client.rejectEvents(["not a token"]), "not a token", "BadToken");

    const start = Date.now();
    assert.deepEqual((await client.receiveEvents({ maxEvents: 10, maxWaitTime: 10 })).details, []);
    const waited = Date.now() - start;
    assert.ok(waited > 9000 && waited < 15000, `${waited}`);
  },

  /** What was sent is what comes back, in order, in both publish modes that the client has. */
  async kinds_of_data() {
    const time = new Date("2026-03-04T05:06:07.891Z");
    const sent = [
      event("object", { data: { a: [1, { b: null }], "ü": "é" } }),
      event("text", { data: "plain text", dataContentType: "text/plain" }),
      event("list", { data: [1, "two", 3.5, false] }),
      event("number", { data: 42 }),
      event("subject", { subject: "orders/1", dataSchema: "https://example.com/schema", data: {} }),
      event("time", { time, data: {} }),
    ];
    const client = receiver();
    await sender().sendEvents(sent);
    for (const one of sent) await sender().sendEvents(one);
    const details = await receive(client, 2 * sent.length);
    succeeded(await client.acknowledgeEvents(details.map(token)), details.map(token));
    details.forEach(({ event: came }, index) => {
      const original = sent[index % sent.length];
      assert.equal(came.id, original.id);
      assert.deepEqual(came.data, original.data, came.id);
      assert.equal(came.subject, original.subject, came.id);
      assert.equal(came.dataSchema, original.dataSchema, came.id);
      if (original.dataContentType) assert.equal(came.dataContentType, original.dataContentType, came.id);
      if (original.time) assert.equal(came.time.getTime(), original.time.getTime(), came.id);
    });
  },

  /** Bytes go out as `data_base64` and come back as base64 text, which is all that the client makes of it. */
  async bytes() {
    const client = receiver();
    const data = new Uint8Array([0, 255, 16]);
    await sender().sendEvents(event("bytes", { data, dataContentType: "application/octet-stream" }));
    const [detail] = await receive(client);
    assert.equal(detail.event.data, Buffer.from(data).toString("base64"));
    succeeded(await client.acknowledgeEvents([token(detail)]), [token(detail)]);
  },

  async errors() {
    await refused(sender(topic, "d3Jvbmc=").sendEvents(event("x")), 401);
    await refused(receiver(subscription, "d3Jvbmc=").receiveEvents({ maxWaitTime: 10 }), 401);
    await refused(sender("nowhere").sendEvents(event("x")), 404, "NotFound");
    await refused(receiver("nobody").receiveEvents({ maxWaitTime: 10 }), 404, "NotFound");
    await refused(receiver().receiveEvents({ maxWaitTime: 9 }), 400, "ArgumentInvalid");
    await refused(receiver().receiveEvents({ maxEvents: 101, maxWaitTime: 10 }), 400, "ArgumentInvalid");
    await refused(sender().sendEvents(event("x", { data: "x".repeat(1024 * 1024) })), 413);
    await refused(sender().sendEvents(Array.from({ length: 1001 }, (_, i) => event(`${i}`))), 413);
  },

  async release_with_delay() {
    const client = receiver();
    await sender().sendEvents(event("later"));
    const [detail] = await receive(client);
    const released = Date.now();
    succeeded(await client.releaseEvents([token(detail)], { releaseDelay: "10" }), [token(detail)]);
    const { details: [again] } = await client.receiveEvents({ maxWaitTime: 20 });
    const waited = Date.now() - released;
    assert.ok(waited > 9500 && waited < 13000, `${waited}`);
    assert.equal(again.brokerProperties.deliveryCount, 2);
    succeeded(await client.acknowledgeEvents([token(again)]), [token(again)]);
  },

  /** Data of zero would be dropped by the client. */
  async publish_and_receive() {
    const client = receiver();
    await sender().sendEvents(Array.from({ length: 100 }, (_, i) => event(`${i}`, { data: i + 1 })));
    const details = await receive(client, 100);
    assert.deepEqual(details.map((d) => d.event.data), Array.from({ length: 100 }, (_, i) => i + 1));
    succeeded(await client.acknowledgeEvents(details.map(token)), details.map(token));
  },

  /** Prints tokens as the SDK makes them; the last one has expired. */
  async sas() {
    const credential = new AzureKeyCredential(key);
    const hour = 3600 * 1000;
    console.log(await generateSharedAccessSignature(endpoint, credential, new Date(Date.now() + hour)));
    const onTopic = `${endpoint}/topics/${topic}`;
    console.log(await generateSharedAccessSignature(onTopic, credential, new Date(Date.now() + hour)));
    console.log(await generateSharedAccessSignature(endpoint, credential, new Date(Date.now() - hour)));
  },
};

await scenarios[process.argv[2]]();

// A port whose service is not there gets nothing, whoever listens on it.
import { afterEach, expect, test } from "bun:test";
import { pollHeader } from "./error-page.ts";
import {
  answerEach,
  conditionOf,
  openPeer,
  requestText,
  responseText,
  routeOf,
  startRawServer,
  startTestGateway,
} from "./raw-peers.conformance.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function setUp(serves: () => boolean | Promise<boolean>) {
  let connections = 0;
  const stranger = await startRawServer((peer) => {
    connections++;
    answerEach(() => responseText("stranger"))(peer);
  });
  ending.push(() => stranger.close());
  const gateway = await startTestGateway([routeOf("a.localhost", stranger.port)], { condition: async () => conditionOf(), serves });
  ending.push(() => gateway.stop());
  const ask = async (headers: string[] = []) => {
    const client = await openPeer(gateway.port);
    client.send(requestText("a.localhost", { headers: ["Connection: close", ...headers] }));
    await client.closed;
    return client.received();
  };
  return { ask, connections: () => connections };
}

test("what is known at once and what has to be looked at let a request through", async () => {
  for (const serves of [() => true, async () => true]) {
    const { ask } = await setUp(serves);
    expect(await ask()).toEndWith("stranger");
  }
});

test("no byte goes to a stranger, also when looking fails", async () => {
  const failing = async () => {
    throw new Error("the machine does not tell");
  };
  for (const serves of [() => false, async () => false, failing]) {
    const { ask, connections } = await setUp(serves);
    expect(await ask()).toStartWith("HTTP/1.1 502 ");
    expect(await ask([`${pollHeader}: 1`])).toContain('"ready":false');
    expect(connections()).toBe(0);
  }
});

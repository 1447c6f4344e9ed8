import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { afterAll, expect, onTestFinished, test } from "vitest";

import { openTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** What has come to the server. */
let heard = "";
const sockets = new Set<Socket>();
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  socket.on("data", (chunk) => {
    heard += chunk.toString();
    socket.write(chunk);
  });
}).listen(0, "127.0.0.1");
await once(echo, "listening");
const target = { host: "127.0.0.1", port: (echo.address() as AddressInfo).port };
afterAll(() => echo.close());

async function opened(): Promise<TcpProxy> {
  heard = "";
  const proxy = await openTcpProxy(target);
  onTestFinished(() => proxy.close());
  return proxy;
}

async function client({ port }: TcpProxy): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

async function said(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, "data");
  socket.write(text);
  return String((await answer)[0]);
}

async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setImmediate(resolve));
}

const reset = async (socket: Socket): Promise<unknown> =>
  ((await once(socket, "error")) as [NodeJS.ErrnoException])[0].code;

test("what is said passes both ways, also more than a socket holds, and an end ends both sides", async () => {
  const proxy = await opened();
  const socket = await client(proxy);
  const sent = "x".repeat(4_000_000);
  let got = 0;
  socket.on("data", (chunk) => (got += chunk.length));
  socket.end(sent);
  await once(socket, "end");
  expect(got).toBe(sent.length);
  await until(() => proxy.size === 0 && sockets.size === 0);
});

test("a reset reaches both sides, and nothing is kept of it", async () => {
  const proxy = await opened();
  const [one, other] = [await client(proxy), await client(proxy)];
  await said(one, "a");
  await said(other, "b");
  const codes = Promise.all([reset(one), reset(other)]);
  expect(proxy.resetAll()).toBe(2);
  expect(await codes).toEqual(["ECONNRESET", "ECONNRESET"]);
  await until(() => sockets.size === 0);
  expect(proxy.size).toBe(0);
});

test("in a blackhole nothing passes, and what was swallowed is not made up for", async () => {
  const proxy = await opened();
  const [used, idle] = [await client(proxy), await client(proxy)];
  await said(used, "a");
  await said(idle, "b");
  proxy.blackhole();
  const fresh = await client(proxy);
  used.write("swallowed");
  fresh.write("swallowed");
  const codes = Promise.all([reset(used), reset(fresh)]);
  await until(() => proxy.swallowed === 18);
  expect(heard).toBe("ab");
  proxy.heal();
  expect(await codes).toEqual(["ECONNRESET", "ECONNRESET"]);
  expect(await said(idle, "c")).toBe("c");
  expect(heard).toBe("abc");
  idle.destroy();
});

test("where replies are dropped the server hears, and the client does not", async () => {
  const proxy = await opened();
  const socket = await client(proxy);
  proxy.dropReplies();
  socket.on("data", () => {
    throw new Error("a reply came");
  });
  socket.write("a");
  await until(() => proxy.swallowed === 1);
  expect(heard).toBe("a");
  const code = reset(socket);
  proxy.heal();
  expect(await code).toBe("ECONNRESET");
  await until(() => sockets.size === 0);
});

test("a blackhole ends by itself after its time", async () => {
  const proxy = await opened();
  proxy.blackhole(20);
  const code = reset(await client(proxy));
  expect(await code).toBe("ECONNRESET");
  const socket = await client(proxy);
  expect(await said(socket, "a")).toBe("a");
  socket.destroy();
});

test("a server that is not there is a reset, and the proxy goes on", async () => {
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, "close");
  const proxy = await openTcpProxy({ host: "127.0.0.1", port });
  for (let round = 0; round < 3; round += 1) expect(await reset(await client(proxy))).toBe("ECONNRESET");
  expect(proxy.size).toBe(0);
  await proxy.close();
});

test("what is delayed comes late and in its order, the end behind it", async () => {
  const proxy = await opened();
  const socket = await client(proxy);
  proxy.delay(50);
  const sentAt = performance.now();
  let got = "";
  socket.on("data", (chunk) => (got += chunk.toString()));
  socket.write("a");
  socket.end("b");
  await once(socket, "end");
  expect(got).toBe("ab");
  // Both ways.
  expect(performance.now() - sentAt).toBeGreaterThan(90);
});

test("one round trip stalls, and what another connection says passes it", async () => {
  const proxy = await opened();
  const [stalled, other] = [await client(proxy), await client(proxy)];
  proxy.stallNext("toServer", 300);
  const late = said(stalled, "a");
  await until(() => proxy.stalled === 1);
  expect(await said(other, "b")).toBe("b");
  expect(heard).toBe("b");
  expect(await late).toBe("a");
  for (const socket of [stalled, other]) socket.destroy();
});

test("what a client sent arrives although it has gone meanwhile, and the server learns of that behind it", async () => {
  const proxy = await opened();
  const socket = await client(proxy);
  await said(socket, "a");
  proxy.stallNext("toServer", 50);
  socket.write("b");
  await until(() => proxy.stalled === 1);
  socket.destroy();
  await until(() => heard === "ab" && sockets.size === 0);
  expect(proxy.severed.size).toBe(1);
});

test("which connections it cut itself is known by their ports", async () => {
  const proxy = await opened();
  const [cut, left] = [await client(proxy), await client(proxy)];
  await said(cut, "a");
  const { remotePort } = [...sockets][0] ?? {};
  await said(left, "b");
  left.destroy();
  await until(() => proxy.size === 1);
  const code = reset(cut);
  proxy.resetAll();
  await code;
  expect([...proxy.severed]).toEqual([remotePort]);
});

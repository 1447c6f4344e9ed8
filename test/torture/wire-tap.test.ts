import { expect, test } from "vitest";

import { WireTap } from "./wire-tap.ts";

const NOTIFICATION = Buffer.from("A\0\0\0\x17\0\0\0\x01pqrun_jobs\0\0");
const LISTEN = Buffer.from('Q\0\0\0\x18LISTEN "pqrun_jobs"\0');
const CANCEL = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2]);

test("notifications are counted where somebody listens, until that connection is silenced", () => {
  const wire = new WireTap();
  const [listening, other] = [wire.open(), wire.open()];
  expect(listening("toServer", LISTEN).bytes).toEqual(LISTEN);
  expect(listening("toClient", NOTIFICATION).bytes).toEqual(NOTIFICATION);
  other("toClient", NOTIFICATION);
  expect(wire.notified).toBe(1);
  expect(wire.silence()).toBe(1);
  expect(listening("toClient", NOTIFICATION).bytes).toHaveLength(0);
  expect(listening("toServer", LISTEN).bytes).toHaveLength(0);
  expect(other("toServer", NOTIFICATION).bytes).toEqual(NOTIFICATION);
  expect(wire.notified).toBe(1);
  expect(wire.silence()).toBe(0);
});

test("what is said of LISTEN in a payload silences nobody", () => {
  const wire = new WireTap();
  wire.open()("toServer", Buffer.from(`INSERT … 'listen "closely"' ${"x".repeat(2_000)}`));
  expect(wire.silence()).toBe(0);
});

test("requests to cancel are lost while they are to be, and only where they open a connection", () => {
  const wire = new WireTap();
  expect(wire.open()("toServer", CANCEL)).toEqual({ bytes: CANCEL });
  wire.losesCancels = true;
  expect(wire.open()("toServer", CANCEL)).toMatchObject({ cut: true });
  const used = wire.open();
  used("toServer", Buffer.from("startup"));
  expect(used("toServer", CANCEL)).toEqual({ bytes: CANCEL });
  expect(wire.lostCancels).toBe(1);
});

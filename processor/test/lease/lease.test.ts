import { expect, test } from "bun:test";
import { createLease } from "../../src/lease/lease.ts";
import { fakeTime } from "../fakes/time.ts";

function registered() {
  const time = fakeTime();
  let ids = 0;
  const lease = createLease({ time, newId: () => `w${++ids}` }, 900);
  expect(lease.id()).toBeNull();
  expect(lease.renew("w1", time.monotonic())).toBe(true);
  return { time, lease };
}

test("a lease expires two thirds of its time after the last acknowledged heartbeat was sent", () => {
  const { time, lease } = registered();
  time.freeze(500);
  expect(lease.renew("w1", 300)).toBe(true);
  time.freeze(399);
  expect(lease.id()).toBe("w1");
  time.freeze(1);
  expect(lease.id()).toBeNull();
  expect(lease.hasExpired()).toBe(true);
});

test("an expired lease is never renewed, however late the response to a heartbeat", () => {
  const { time, lease } = registered();
  time.freeze(600);
  expect(lease.renew("w1", 599)).toBe(false);
  expect(lease.id()).toBeNull();
});

test("the heartbeat of a replaced worker does not renew the lease of the next one", () => {
  const { time, lease } = registered();
  lease.replace();
  expect(lease.renew("w1", time.monotonic())).toBe(false);
  expect(lease.isRegistered()).toBe(false);
  expect(lease.renew("w2", time.monotonic())).toBe(true);
  expect(lease.id()).toBe("w2");
});

test("an ended lease holds no worker, and is not renewed", () => {
  const { time, lease } = registered();
  lease.end();
  expect(lease.renew("w1", time.monotonic())).toBe(false);
  expect(lease.id()).toBeNull();
});

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { StoredKey } from "../../../src/keys/port.ts";
import { madeExecution, newId } from "../../builders.ts";
import type { Given } from "./given.ts";

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

export function keysConformance(given: Given): void {
  const made = (parts: Partial<StoredKey> = {}): StoredKey => {
    return { hash: hashOf(newId()), body_hash: hashOf("body"), request_id: newId(), ...parts };
  };

  describe("idempotency keys", () => {
    test("are stored once: later callers get what the first one stored, also in the same batch", async () => {
      const [a, b] = [made({ execution_id: newId() }), made()];
      const later = (key: StoredKey) => made({ hash: key.hash, execution_id: newId() });
      expect(await given.store.keys.insert([a])).toEqual([a]);
      expect(await given.other.keys.insert([later(a), b, later(b)])).toEqual([a, b, b]);
      const found = await given.store.keys.get([b.hash, hashOf("unknown"), a.hash]);
      expect(found).toEqual(
        new Map([
          [a.hash, a],
          [b.hash, b],
        ]),
      );
    });

    test("of 50 that store the same key all get what one of them stored", async () => {
      const hash = hashOf(newId());
      const contenders = Array.from({ length: 50 }, () => made({ hash }));
      const stored = await Promise.all(
        contenders.map((key, index) => given.either(index).keys.insert([key])),
      );
      expect(new Set(stored.flat().map(({ request_id }) => request_id)).size).toBe(1);
    });

    test("old ones are removed in batches, and can be stored again", async () => {
      const { keys } = given.store;
      const later = () => given.store.now() + 1;
      await keys.removeBefore(later(), 100_000);
      const before = given.store.now();
      const stored = Array.from({ length: 4 }, () => made());
      await keys.insert(stored);
      expect(await keys.removeBefore(before, 10)).toBe(0);
      expect(await keys.removeBefore(later(), 3)).toBe(3);
      expect(await given.other.keys.removeBefore(later(), 3)).toBe(1);
      expect(await given.other.keys.removeBefore(later(), 3)).toBe(0);
      const again = made({ hash: stored[0]?.hash as string });
      expect(await keys.insert([again])).toEqual([again]);
    });

    test("of executions are stored with them, like their labels", async () => {
      const keyed = { key_hash: hashOf("k"), body_hash: hashOf("b"), labels: { team: "blue" } };
      const execution = madeExecution(keyed);
      await given.store.executions.insert([execution]);
      expect(await given.other.executions.get([execution])).toMatchObject([keyed]);
    });
  });
}

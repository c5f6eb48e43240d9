import { expect, test } from "bun:test";
import { MongoBulkWriteError } from "mongodb";
import { createNotes } from "../../src/move/command/notes.ts";

/** Empty databases, in which a command for `other` notes its move just before the first insert of this one. */
function raced(other: string) {
  const notes: object[] = [];
  const collection = {
    findOne: async () => notes[0] ?? null,
    async insertMany() {
      notes.push({ _id: "move", source: other, phase: "copying" });
      const duplicate = { message: "duplicate key", code: 11_000, writeErrors: [{ index: 0, code: 11_000 }] };
      throw new MongoBulkWriteError(duplicate as never, { getWriteConcernError: () => undefined } as never);
    },
  };
  const onMove = (work: (of: never) => unknown) => work(collection as never);
  return createNotes({ on: async () => null, onMove } as never);
}

test("if two moves to the same databases start at the same time, one is refused", async () => {
  await expect(raced("another").begin("mine")).rejects.toThrow("contain data from another move");
  expect(await raced("mine").begin("mine")).toBe("begun");
});

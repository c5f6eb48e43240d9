import { insertFree } from "@sate/requests-service/mongo/access";
import { type MovedTable, movedTables } from "../tables.ts";
import type { Databases, MoveDocument } from "./databases.ts";
import { Failure } from "./failure.ts";

/** How far a table was copied: where its next page begins, and whether that was the last one. */
export type Position = { after?: string | undefined; isCopied: boolean };

const positionId = ({ name }: MovedTable) => `position:${name}`;

/** What the move notes about itself in the Requests DB. */
export function createNotes({ on, onMove }: Pick<Databases, "on" | "onMove">) {
  /**
   * Records that this move is filling the databases, so that requests-service does not start on them. They must be empty,
   * or hold what this move has copied. Returns `done` if the move was completed before.
   */
  async function begin(source: string): Promise<"begun" | "done"> {
    const found = await onMove((collection) => collection.findOne({ _id: "move" }));
    if (found && found.source !== source) {
      const what = "The databases contain data from another move, perhaps one that was undone.";
      throw new Failure(`${what} Use empty ones.`, 78);
    }
    if (found) return found.phase === "done" ? "done" : "begun";
    for (const table of movedTables) {
      if (!(await on(table, (collection) => collection.findOne({}, { projection: { _id: 1 } })))) continue;
      throw new Failure(`The databases are not empty: ${table.name} has documents. Use empty ones.`, 78);
    }
    const note: MoveDocument = { _id: "move", source, phase: "copying" };
    const taken = await onMove((collection) => insertFree(collection, [note]));
    // Another command may have started in the meantime, perhaps for another source.
    return taken.size === 0 ? "begun" : begin(source);
  }

  return {
    begin,

    /** From now on requests-service starts on them. */
    async end(): Promise<void> {
      await onMove((collection) => collection.updateOne({ _id: "move" }, { $set: { phase: "done" } }));
    },

    async position(table: MovedTable): Promise<Position> {
      const found = await onMove((collection) => collection.findOne({ _id: positionId(table) }));
      return { after: found?.after, isCopied: found?.isCopied ?? false };
    },
    async setPosition(table: MovedTable, position: Position): Promise<void> {
      const _id = positionId(table);
      await onMove((collection) => collection.updateOne({ _id }, { $set: position }, { upsert: true }));
    },
  };
}

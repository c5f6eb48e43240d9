import { Unavailable } from "@sate/contracts";
import type { Db } from "mongodb";

/**
 * Rejects while `bun run move` fills this database: until the move is complete, the source may still run what was copied.
 * The command notes its state in this document.
 */
export async function assertNotBeingMoved(db: Db): Promise<void> {
  const move = await db.collection<{ _id: string; phase: string }>("moves").findOne({ _id: "move" });
  if (move === null || move.phase === "done") return;
  throw new Unavailable("`bun run move` has not finished filling the Requests DB.", {
    reason: "not_done",
  });
}

import { Unavailable } from "@sate/contracts";
import type { Db } from "mongodb";

/**
 * Rejects while `bun run move` fills this database: until it has ended, what it has copied may still run where it comes from. The
 * command notes its state in this document.
 */
export async function assertNotBeingMoved(db: Db): Promise<void> {
  const move = await db.collection<{ _id: string; phase: string }>("moves").findOne({ _id: "move" });
  if (move === null || move.phase === "done") return;
  throw new Unavailable("The Requests DB is being filled by `bun run move`, which has not ended.", {
    reason: "not_done",
  });
}

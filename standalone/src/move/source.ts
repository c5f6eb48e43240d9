import type { ProblemName } from "@sate/contracts";
import { errorFields, type Log } from "@sate/contracts/runtime";
import type { Closure, MoveSource, MoveState } from "@sate/gateway";
import type { DataFile } from "../sqlite/file.ts";
import { readPage } from "./page.ts";
import { beginMove, completeMove, countRunning, readMove, sealMove } from "./state.ts";
import { movedTables } from "./tables.ts";

type SourceParts = {
  file: DataFile;
  log: Log;
  clock: () => number;
  newId: () => string;
  /** Ends what runs and publishes what is pending, as far as it can in a bounded time. */
  drain: () => Promise<void>;
  /** Requeues what still runs. */
  requeue: () => Promise<void>;
  /** Stops the services, once nothing changes any more. */
  stopServices: () => Promise<void>;
  /** Aborted when the process stops. */
  stopping: AbortSignal;
};

const retryMs = 1_000;
/** What remote workers may still do while their runs end. */
const endsRuns = new Set(["heartbeat", "finishRun", "endWorker"]);

/**
 * The side of a move from which the data comes. Sealing is the only step that cannot be repeated. Before it the file works
 * as usual, also after a restart; from its commit on nothing in it changes, so what is copied then is everything.
 */
export function createMoveSource(parts: SourceParts): { move: MoveSource; closed: () => Closure | null } {
  const { file, log, clock, newId, drain, requeue, stopServices, stopping } = parts;
  let draining: Promise<void> | null = null;
  let target = "";

  function phase(): MoveState["phase"] {
    if (!file.isSealed()) return draining ? "draining" : "serving";
    return readMove(file.db)?.completed_at ? "moved" : "sealed";
  }

  function state(): MoveState {
    return { id: readMove(file.db)?.id ?? "", phase: phase(), running: countRunning(file.db) };
  }

  const seal = () => file.seal(() => sealMove(file.db, { target, now: clock() }));

  async function drainAndSeal(): Promise<void> {
    await repeated(drain);
    await repeated(async () => {
      await requeue();
      await seal();
    });
    if (stopping.aborted) return;
    log.warn("the data is sealed and no longer served; the move command copies the rest", { target });
    await stopServices();
  }

  /** Retries a step of the sealing until it succeeds or the process stops. Never rejects. */
  async function repeated(step: () => Promise<void>): Promise<void> {
    while (!stopping.aborted) {
      try {
        return await step();
      } catch (error) {
        if (stopping.aborted) return;
        log.error("could not seal the data; retrying", errorFields(error));
        await Bun.sleep(retryMs);
      }
    }
  }

  return {
    move: {
      state,
      async begin() {
        const begun = readMove(file.db) ?? (await file.write(() => beginMove(file.db, newId())));
        const tables = movedTables.map(({ name }) => ({ name, records: countOf(file, name) }));
        return { ...state(), id: begun.id, tables };
      },
      page({ table, ...options }) {
        const found = movedTables.find(({ name }) => name === table);
        return found ? readPage(file.db, found, options) : null;
      },
      async seal(wanted) {
        if (readMove(file.db)?.id !== wanted.id) return false;
        target = wanted.target;
        if (file.isSealed()) await seal();
        else draining ??= drainAndSeal();
        return true;
      },
      async complete({ id }) {
        if (readMove(file.db)?.id !== id || !file.isSealed()) return false;
        await file.seal(() => completeMove(file.db, clock()));
        return true;
      },
    },

    closed() {
      const now = phase();
      return now === "serving"
        ? null
        : { detail: details[now], refuses: (operation) => refusal(now, operation) };
    },
  };
}

const newSystem = "Ask its operator for the address of the new system.";
const details = {
  draining: `This server is being moved to another system and accepts nothing new. ${newSystem}`,
  sealed: `This server is being moved to another system and no longer serves anything. ${newSystem}`,
  moved: `This server was moved to another system. ${newSystem}`,
};

/** A remote worker whose runs were requeued must abort them. */
function refusal(
  phase: keyof typeof details,
  { id, scope }: Parameters<Closure["refuses"]>[0],
): ProblemName | null {
  if (scope === "none") return null;
  if (phase !== "draining") return scope === "work" && id !== "registerWorker" ? "worker-gone" : "moving";
  return scope === "read" || endsRuns.has(id) ? null : "moving";
}

function countOf({ db }: DataFile, table: string): number {
  return db.query<{ records: number }, []>(`SELECT count(*) AS records FROM "${table}"`).get()?.records ?? 0;
}

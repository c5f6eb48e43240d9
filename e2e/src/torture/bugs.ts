import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { root } from "../system/processes.ts";

/**
 * A known bug, as a change of one place in the sources. A run on a cluster with these `words` must find it by one of the
 * invariants `by`: violations of others may come from a slow machine.
 */
type Bug = { name: string; file: string; from: string; to: string; words: string[]; by: number[] };

const runs = "requests-service/src/adapters/mongo/runs.ts";
const during = (only: string, minutes = 1) => ["--minutes", `${minutes}`, "--only", only];

/**
 * Thirteen bugs that a system like this one is prone to. The second is in the listener: which offsets a processor has
 * committed does not matter, since the database knows what is queued.
 */
export const bugs: Bug[] = [
  {
    name: "the unique key on the attempt does not decide",
    file: "requests-service/src/adapters/mongo/access.ts",
    from: "return new Set(failures.map(({ index }) => index));",
    to: "return new Set();",
    words: during("F1"),
    by: [1, 2, 3, 6, 8, 10],
  },
  {
    name: "offsets are committed before the result is written",
    file: "results-listener/src/recording/record.ts",
    from: "const answers = await writer.recordResults(read.map(({ result }) => result));",
    to: 'const answers = read.map((): Awaited<ReturnType<typeof writer.recordResults>>[number] => "stored");\n    void Bun.sleep(1_000).then(() => writer.recordResults(read.map(({ result }) => result))).catch(() => {});',
    words: during("F6"),
    by: [8, 10, 12],
  },
  {
    name: "no outbox sweep",
    file: "requests-service/src/index.ts",
    from: "outbox.sweep,",
    to: "async () => {},",
    words: during("F2,F5"),
    by: [1, 8, 13, 16],
  },
  {
    name: "finish without the epoch",
    file: runs,
    from: 'status: "running", epoch: run.epoch, ...filter },',
    to: '...(!("outcome" in run) && { status: "running", epoch: run.epoch }), ...filter },',
    words: during("F9", 3), // in which a few finishes are late
    by: [4, 5, 8, 11],
  },
  {
    name: "a group without offsets starts at the end",
    file: "results-listener/src/main.ts",
    from: "fromBeginning: true",
    to: "fromBeginning: false",
    words: during("F14"),
    by: [12, 14, 15],
  },
  {
    name: "the listener inserts without deduplication",
    file: "results-listener/src/adapters/mongo/writer.ts",
    from: "const documents = wanted.map(resultDocument);",
    to: "const documents = wanted.map((one) => ({ ...resultDocument(one), _id: crypto.randomUUID() }));",
    words: during("F6,F14"),
    by: [8, 14],
  },
  {
    name: "the sweeper requeues without its predicate",
    file: runs,
    from: 'status: "running", epoch: run.epoch, ...filter },',
    to: '...("outcome" in run && { status: "running", epoch: run.epoch }) },',
    words: during("F4"),
    by: [3, 4, 5, 6, 8, 10, 11],
  },
  {
    name: "a crash of the consumer is swallowed",
    file: "results-listener/src/adapters/kafka/consumer.ts",
    from: "if (payload.restart || isStopped) return;",
    to: "return;",
    words: during("F13"),
    by: [14, 15, 16, 17],
  },
  {
    name: "a poison record is retried forever",
    file: "processor/src/wake-ups/read.ts",
    from: "    await publisher.publish(unreadable.map(",
    to: '    throw new Error("once more");\n    await publisher.publish(unreadable.map(',
    words: during("F15"),
    by: [12, 15, 16],
  },
  {
    name: "an acknowledgement before the write",
    file: "requests-service/src/requests/create.ts",
    from: "const stored = await store.requests.insert(wanted.map(({ request }) => request));",
    to: "const stored = wanted.map(({ request }) => request);\n    void Bun.sleep(1_000).then(() => store.requests.insert(stored)).catch(() => {});",
    words: during("F2"),
    by: [1, 2, 10],
  },
  {
    name: "an Idempotency-Key that only its caller remembers",
    file: "requests-service/src/adapters/mongo/keys.ts",
    from: "return (await insertOrFind(keys, documents)).map(storedKeyOf);",
    to: "await insertOrFind(keys, documents);\n      return documents.map(storedKeyOf);",
    words: during("F1"),
    by: [2, 26],
  },
  {
    name: "no delivery before the confirmation",
    file: "requests-service/src/webhooks/deliveries.ts",
    from: "await deliveriesOf(executions, await subscriptions.refresh())",
    to: "(await subscriptions.refresh(), [] as NewRequest[])",
    words: during("F2", 2),
    by: [27],
  },
  {
    name: "a removal that overlooks running executions",
    file: "requests-service/src/removals/decide.ts",
    from: 'executions.find(({ status }) => status === "queued" || status === "running")',
    to: 'executions.find(({ status }) => status === "queued")',
    words: during("F1"),
    by: [28],
  },
];

const runMs = 12 * 60_000;

/** Copies the repository and plants the bug in the copy. Throws if its place has changed. */
export function plant({ file, from, to }: Bug): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "sate-bug-"));
  const isLeftOut = (path: string) => ["node_modules", ".git", ".cache", "data"].includes(basename(path));
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !isLeftOut(path) });
  const cache = join(root, ".cache");
  if (existsSync(cache)) symlinkSync(cache, join(folder, ".cache"));
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  if (!text.includes(from)) throw new Error(`${file} has changed: the bug has no place in it`);
  writeFileSync(path, text.split(from).join(to));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs a copy with the bug, up to three times, each with its own seed. Returns whether it was found, and by what. */
export async function isFound(bug: Bug, dataDir: string): Promise<{ found: boolean; how: string }> {
  const { folder, remove } = plant(bug);
  try {
    let said = "";
    for (let seed = 1; seed <= 3; seed++) {
      const child = Bun.spawn([process.execPath, "run", "torture", "--seed", `${seed}`, ...bug.words], {
        cwd: folder,
        env: { ...process.env, DATA_DIR: dataDir },
        stdio: ["ignore", "pipe", "inherit"],
        timeout: runMs,
      });
      said = await new Response(child.stdout).text();
      const red = said.split("\n").filter((line) => line.startsWith("✗"));
      const isFound = red.some((line) => bug.by.includes(Number.parseInt(line.slice(1), 10)));
      if ((await child.exited) === 1 && isFound) return { found: true, how: red.join("; ") };
    }
    return { found: false, how: said.split("\n").slice(-3).join(" ") };
  } finally {
    remove();
  }
}

import { afterEach } from "bun:test";
import { join } from "node:path";
import { until } from "../../contracts/test/until.ts";
import { dataFolders } from "./data-folders.ts";

export const root = join(import.meta.dir, "../..");
export const script = join(import.meta.dir, "../src/main.ts");

/** What responses have, of which each has a part. */
type Body = {
  id: string;
  status: string;
  reasons: string[];
  lost: number;
  results: object[];
  requests: { id: string; payload: unknown }[];
};

/** In `wrap`, or as `command` at the root. */
type How = { wrap?: string[]; command?: string[] };

/**
 * Starts standalone as its users start it, in a data folder of its own unless `env` has one. What still runs at the end
 * of a test is killed.
 */
export function starting() {
  const newFolder = dataFolders();
  const running: ReturnType<typeof run>[] = [];
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill("SIGKILL");
  });
  const started = (env: Record<string, string> = {}, how: How = {}) => {
    const made = run({ DATA_DIR: newFolder(), ...env }, how);
    running.push(made);
    return made;
  };
  return { started, newFolder };
}

function run(env: Record<string, string>, { wrap = [], command = [process.execPath, script] }: How) {
  const child = Bun.spawn([...wrap, ...command], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const read = async () => {
    for await (const piece of child.stdout) text += new TextDecoder().decode(piece);
  };
  const done = read();
  const url = () => /Sate (?:is ready|serves only the move) on (\S+)/.exec(text)?.[1];
  const ask = async (path: string, body?: object) => {
    const headers = { "content-type": "application/json" };
    const post = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`${url()}${path}`, body ? post : {});
    return { status: response.status, json: (await response.json()) as Body };
  };
  return {
    child,
    ask,
    text: () => text,
    log: () => text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : [])),
    /** Resolves with its URL when it has printed it. */
    async ready(): Promise<string> {
      const isOver = () => child.exitCode !== null || child.signalCode !== null;
      await until("it is ready, or has ended", () => url() !== undefined || isOver(), 30_000);
      return url() ?? "";
    },
    /** Its exit code, and what it wrote to standard error. */
    async ended(): Promise<{ code: number; said: string }> {
      const [code, said] = await Promise.all([child.exited, child.stderr.text(), done]);
      return { code, said };
    },
  };
}

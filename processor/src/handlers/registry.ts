import { resolve } from "node:path";
import { limits, withoutSettings } from "@sate/contracts";
import { errorFields, type Log } from "@sate/contracts/runtime";
import { concealProcess } from "../children/conceal.ts";
import { createGroups } from "../children/group.ts";
import { createWarm } from "../children/warm.ts";
import type { Processor, Processors } from "../ports.ts";
import { readDeclaration } from "./declaration.ts";
import { type ProcessorFile, processorFiles } from "./folder.ts";
import { type Loaded, loadModule } from "./module/load.ts";
import { watchFolder } from "./watch.ts";

export type ProcessorsOptions = {
  /** PROCESSORS_DIR. */
  folder: string;
  /** PROCESSORS_DIR was set, so a missing folder is a problem. */
  isRequired: boolean;
  builtIn: readonly Processor[];
  /** The maximum number of concurrent runs, and so of child processes of modules. */
  concurrency: number;
  /** EXECUTION_SECONDS: the timeout of processors that declare none. */
  timeoutSeconds: number;
  /** Changes of the folder are served without a restart. */
  watch: boolean;
  /** The environment of the service. Processors get the variables that they name, except settings of Sate. */
  env: Record<string, string | undefined>;
  log: Log;
};

const servedBefore = "The previous version is still served.";

/** Files that are loaded at once. */
const loadsMost = 4;

/**
 * Opens the processors of a folder. `problems` has one line for each file that cannot be loaded; the others are served.
 *
 * Modules and declarations are loaded once. Only if the folder is watched are changed files loaded again: runs in
 * progress keep the version that they started with, and if a changed file cannot be loaded, its previous version is
 * still served.
 */
export async function openProcessors(
  given: ProcessorsOptions,
): Promise<{ processors: Processors; problems: string[] }> {
  const options = { ...given, env: withoutSettings(given.env) };
  const { isRequired, builtIn, watch, log } = options;
  const folder = resolve(options.folder);
  const groups = createGroups({ log });
  const shared = { ...options, groups, warm: createWarm(options.concurrency) };
  const listeners: (() => void)[] = [];
  let served = new Map<string, Loaded>();
  let all: readonly Processor[] = builtIn;
  let isClosed = false;

  await concealProcess();

  async function load({ kind, path }: ProcessorFile) {
    if (kind === "module") return loadModule(path, shared);
    const read = await readDeclaration(path, shared);
    return read.kind === "wrong" ? read : { ...read, retire() {} };
  }

  /** Loads the current content of the folder. Returns the problems. */
  async function reload(): Promise<string[]> {
    const found = processorFiles(folder, builtIn.map(nameOf));
    if (found === null && isRequired)
      return [`PROCESSORS_DIR must be a readable folder, but ${folder} is not.`];
    const { files, problems } = found ?? { files: [], problems: [] };
    const most = limits.workerProcessorsMax - builtIn.length;
    if (files.length > most) problems.push(`Only the first ${most} processors of the folder are served.`);
    const next = new Map<string, Loaded>();
    await atOnce(loadsMost, files.slice(0, most), async (file) => {
      const loaded = await load(file);
      const before = served.get(file.name);
      if (loaded.kind === "wrong")
        problems.push(before ? `${loaded.problem} ${servedBefore}` : loaded.problem);
      const isNew = loaded.kind === "read" && !(before && isSame(before, loaded));
      const kept = isNew ? loaded : before;
      if (kept) next.set(file.name, kept);
    });
    const old = served;
    served = next;
    for (const [name, loaded] of old) if (served.get(name) !== loaded) loaded.retire();
    all = [...builtIn, ...files.flatMap(({ name }) => served.get(name)?.processor ?? [])];
    return problems.toSorted();
  }

  // Watched before it is read, so that no change is missed.
  const endWatch = watch ? watchFolder(folder, reloadNext) : () => {};

  const opening = reload();
  let reloading: Promise<unknown> = opening;

  function reloadNext(): void {
    reloading = reloading.then(onChanged).catch((error) => {
      if (!isClosed) log.error("could not reload the folder of processors", errorFields(error));
    });
  }

  async function onChanged(): Promise<void> {
    if (isClosed) return;
    const before = all;
    for (const problem of await reload()) log.error(problem);
    const news = all.filter((processor) => !before.includes(processor)).map(nameOf);
    log.info("the folder of processors has changed", { changed: news.join(" ") });
    for (const listener of listeners) listener();
  }

  return {
    problems: await opening,
    processors: {
      all: () => all,
      find: (name) => all.find((processor) => nameOf(processor) === name),
      onChange: (then) => void listeners.push(then),
      async close() {
        isClosed = true;
        endWatch();
        await groups.close();
      },
    },
  };
}

const nameOf = ({ announcement }: Processor): string => announcement.name;

/** The announcement includes the version, so processors with equal announcements are the same. */
function isSame(one: Loaded, other: Loaded): boolean {
  return JSON.stringify(one.processor.announcement) === JSON.stringify(other.processor.announcement);
}

/** Calls `work` for all items, with at most `most` calls at a time. */
async function atOnce<T>(most: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const one = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: most }, one));
}

import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

/** A longer log is begun anew while its process goes on writing. */
const logBytesMax = 64 << 20;

/** Where a process writes to. `tidy` keeps it within its bound. */
export type Output = {
  stdio: number | "pipe";
  where: string;
  pass: (stream: ReadableStream<Uint8Array>) => Promise<void>;
  tidy: () => void;
  close: () => void;
};

/** A file `<folder>/<name>.log`, emptied when the cluster starts and appended to when the process is started again. */
export function fileOutput(folder: string, name: string): Output {
  mkdirSync(folder, { recursive: true });
  const where = join(folder, `${name}.log`);
  const file = openSync(where, "a");
  ftruncateSync(file);
  return {
    stdio: file,
    where,
    pass: async () => {},
    tidy() {
      if (fstatSync(file).size > logBytesMax) ftruncateSync(file);
    },
    close: () => closeSync(file),
  };
}

/** Our own standard output, each line with the name before it. */
export function prefixedOutput(name: string, print: (line: string) => void): Output {
  return {
    stdio: "pipe",
    where: "above",
    async pass(stream) {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of stream) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) print(`${name} | ${line}`);
      }
      if (rest) print(`${name} | ${rest}`);
    },
    tidy() {},
    close() {},
  };
}

/** Our own standard error, as it is. */
export const standardError: Output = {
  stdio: 2,
  where: "above",
  pass: async () => {},
  tidy() {},
  close() {},
};

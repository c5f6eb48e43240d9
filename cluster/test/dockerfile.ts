import { cpSync, mkdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";

export type Instruction = { word: string; rest: string };

export function instructionsOf(text: string): Instruction[] {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  return lines.map((line) => ({
    word: line.split(" ", 1)[0] ?? "",
    rest: line.slice(line.indexOf(" ") + 1),
  }));
}

/**
 * Does in folders below `to` what Docker would do in images: FROM, WORKDIR, COPY and RUN bun. Answers the folder in
 * which the last image would start, and its command. Paths of the build context must be let through by `allowed`.
 */
export function build(text: string, context: string, allowed: (path: string) => boolean, to: string) {
  const stages = new Map<string, string>();
  let stage = "";
  let folder = "/";
  let command: string[] = [];
  for (const { word, rest } of instructionsOf(text)) {
    const words = rest.split(" ");
    const inStage = (path: string) => join(stage, isAbsolute(path) ? path : join(folder, path));
    switch (word) {
      case "FROM":
        stage = join(to, `stage-${stages.size}`);
        stages.set(words[2] ?? "", stage);
        folder = "/";
        break;
      case "WORKDIR":
        folder = isAbsolute(rest) ? rest : join(folder, rest);
        mkdirSync(inStage("."), { recursive: true });
        break;
      case "COPY": {
        const from = /^--from=(.+)$/.exec(words[0] ?? "")?.[1];
        const paths = from ? words.slice(1) : words;
        const target = paths.pop() ?? "";
        for (const path of paths) {
          const source = from ? join(stages.get(from) ?? "", path) : join(context, path);
          // A file goes into a target with a slash at its end; of a folder, what is in it does.
          const isInto = target.endsWith("/") && !statSync(source).isDirectory();
          const name = isInto ? join(target, basename(path)) : target;
          mkdirSync(dirname(inStage(name)), { recursive: true });
          cpSync(source, inStage(name), {
            recursive: true,
            filter: (file) => from !== undefined || allowed(file.slice(context.length + 1)),
          });
        }
        break;
      }
      case "RUN": {
        const run = Bun.spawnSync([process.execPath, ...words.slice(1)], { cwd: inStage(".") });
        if (words[0] !== "bun" || run.exitCode !== 0) throw new Error(`RUN ${rest}: ${run.stderr}`);
        break;
      }
      case "CMD":
        command = JSON.parse(rest);
        break;
    }
  }
  return { stage, folder: join(stage, folder), command };
}

/** A .dockerignore that leaves out everything but the paths after `!`. Folders on the way to one are let through. */
export function allowList(text: string): (path: string) => boolean {
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  if (lines[0] !== "*") throw new Error("it must begin by leaving out everything");
  const kept = lines.slice(1).map((line) => line.slice(1));
  return (path) =>
    kept.some((each) => path === each || path.startsWith(`${each}/`) || each.startsWith(`${path}/`));
}

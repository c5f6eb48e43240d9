import { resolve } from "node:path";
import { isFile } from "../folder.ts";

/** `files` are the files that the command line names. */
export type CommandLine =
  | { kind: "resolved"; argv: string[]; files: string[] }
  | { kind: "wrong"; problem: string };

/**
 * Resolves a command line against the folder of its declaration, because a command runs in another folder:
 *
 * - A program with a `/` in its name is a file, relative to `folder`; without one it is looked up in `path` at each run.
 * - Each argument that names an existing file, relative to `folder`, becomes the absolute path of that file. All other
 *   arguments stay as they are.
 */
export function resolveCommandLine(
  [program = "", ...given]: readonly string[],
  { folder, path }: { folder: string; path: string | undefined },
): CommandLine {
  const files = new Set<string>();
  const resolved = (argument: string) => {
    const file = resolve(folder, argument);
    if (!isFile(file)) return argument;
    files.add(file);
    return file;
  };
  const isPath = program.includes("/");
  const argv = [isPath ? resolved(program) : program, ...given.map(resolved)];
  if (isPath && !files.has(argv[0] ?? "")) {
    return { kind: "wrong", problem: `\`command\` names ${program}, which is not a file.` };
  }
  if (Bun.which(argv[0] ?? "", { PATH: path ?? "" }) === null) {
    const problem = isPath
      ? `\`command\` names ${program}, which is not executable.`
      : `\`command\` names ${program}, which is not found in PATH.`;
    return { kind: "wrong", problem };
  }
  return { kind: "resolved", argv, files: [...files] };
}

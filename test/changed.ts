import { folders, root } from "./folders.ts";

/** What git prints, or nothing where it fails: no such branch, or no repository. */
function git(...words: string[]): string {
  const { exitCode, stdout } = Bun.spawnSync(["git", ...words], { cwd: root, stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : "";
}

/**
 * The folders with files that differ from where this branch left the default branch, committed or not; on the
 * default branch itself, those with uncommitted changes.
 */
export function changedFolders(): string[] {
  const branch = git("symbolic-ref", "--short", "refs/remotes/origin/HEAD") || "main";
  const base = git("merge-base", "HEAD", branch) || "HEAD";
  const files = [git("diff", "--name-only", base), git("ls-files", "--others", "--exclude-standard")].flatMap(
    (text) => text.split("\n"),
  );
  return folders.filter((folder) => files.some((file) => file.startsWith(`${folder}/`)));
}

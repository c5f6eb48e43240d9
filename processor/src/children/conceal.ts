/** From <linux/prctl.h>. */
const PR_SET_DUMPABLE = 4;

/**
 * Hides the secrets of this process from other processes of the same user, such as children that run third-party code:
 * they can no longer read its environment or memory in /proc, or trace it. Root still can. Returns `false` where this
 * is not possible, such as outside Linux. Costs 3 ms and 3 MiB.
 * https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
 */
export async function concealProcess(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const { dlopen } = await import("bun:ffi");
  const architecture = process.arch === "arm64" ? "aarch64" : "x86_64";
  for (const library of ["libc.so.6", `libc.musl-${architecture}.so.1`]) {
    try {
      const libc = dlopen(library, {
        prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
      });
      return libc.symbols.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) === 0;
    } catch {} // the other libc
  }
  return false;
}

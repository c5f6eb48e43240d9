import { dlopen, FFIType, ptr } from "bun:ffi";

/**
 * Nanoseconds of the machine's monotonic clock, comparable between processes. Bun's own clocks count from the start of
 * the process, so the offset is read once from the C library. A process with a memory limit cannot call it: it adds
 * WALL_TO_MACHINE_NS to the wall clock.
 */
export function machineNs(): bigint {
  offsetNs ??= fromLibrary() - process.hrtime.bigint();
  return process.hrtime.bigint() + offsetNs;
}

let offsetNs: bigint | undefined;

const clockMonotonic = process.platform === "darwin" ? 6 : 1;
const libraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libSystem.B.dylib"];

function fromLibrary(): bigint {
  for (const library of libraries) {
    try {
      const { symbols, close } = dlopen(library, {
        clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
      });
      const time = new BigInt64Array(2);
      const isRead = symbols.clock_gettime(clockMonotonic, ptr(time)) === 0;
      close();
      if (isRead) return (time[0] as bigint) * 1_000_000_000n + (time[1] as bigint);
    } catch {
      // Not this platform's library.
    }
  }
  return wallNs() + BigInt(Bun.env.WALL_TO_MACHINE_NS ?? 0);
}

const wallNs = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));

/** The machine's monotonic clock minus the wall clock. */
export const wallToMachineNs = (): bigint => machineNs() - wallNs();

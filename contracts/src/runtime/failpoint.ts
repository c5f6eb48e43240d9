/**
 * A named gap between two writes, and nothing in production. A test that wants something to happen there puts a
 * function on `globalThis` before the program starts (e2e/src/hooks).
 */
export function failpoint(name: string): void {
  (globalThis as { sateFailpoint?: (name: string) => void }).sateFailpoint?.(name);
}

/**
 * Marks a gap between two writes. Does nothing in production. A test that injects a fault there puts a function on
 * `globalThis` before the program starts (e2e/src/hooks).
 */
export function failpoint(name: string): void {
  (globalThis as { sateFailpoint?: (name: string) => void }).sateFailpoint?.(name);
}

type Row = { parent: number; group: number };

/**
 * The processes above this one that belong to the same job: our parent, and on from there while they share our
 * process group. With `npx -y bun run cluster` these are npm, a shell and bun, and only the first of them hears of a
 * `kill`.
 */
export function jobAbove(pid: number, table: Map<number, Row>): number[] {
  const group = table.get(pid)?.group;
  const above: number[] = [];
  let next = table.get(pid)?.parent;
  while (next !== undefined && next > 1 && (above.length === 0 || table.get(next)?.group === group)) {
    above.push(next);
    next = table.get(next)?.parent;
  }
  return above;
}

/**
 * Whether each of them still is the child of the next one, as it was at first. One that is not in the table is gone,
 * which shows in the one below it; a table that could not be read says nothing.
 */
export function isUnbroken(pid: number, above: number[], table: Map<number, Row>): boolean {
  return above.every((ancestor, index) => {
    const below = table.get(above[index - 1] ?? pid);
    return below === undefined || below.parent === ancestor;
  });
}

/** All processes, or none where there is no `ps`. */
export function processTable(): Map<number, Row> {
  const table = new Map<number, Row>();
  const ps = Bun.which("ps");
  if (!ps) return table;
  const { stdout } = Bun.spawnSync([ps, "-A", "-o", "pid=,ppid=,pgid="], { timeout: 5_000 });
  for (const line of stdout.toString().split("\n")) {
    const [pid, parent, group] = line.trim().split(/\s+/).map(Number);
    if (pid && parent !== undefined && group) table.set(pid, { parent, group });
  }
  return table;
}

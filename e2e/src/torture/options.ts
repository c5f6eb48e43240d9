export type Options = {
  seed: number;
  minutes: number;
  /** Faults to draw from; empty for all. */
  only: string[];
  system: "cluster" | "standalone";
  /** Submits per second. */
  rate: number;
};

export type Read = { kind: "read"; options: Options } | { kind: "wrong"; problems: string[] };

/** Reads `--seed N --minutes M --only F7,F9 --system standalone --rate R`. Pure; names all mistakes at once. */
export function readOptions(words: string[], randomSeed: number): Read {
  const problems: string[] = [];
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) given.set(words[at] as string, words[at + 1] ?? "");
  const known = ["--seed", "--minutes", "--only", "--system", "--rate"];
  for (const name of given.keys()) {
    if (!known.includes(name)) problems.push(`${name} is not one of ${known.join(", ")}.`);
  }
  const seed = Number(given.get("--seed") ?? randomSeed);
  const minutes = Number(given.get("--minutes") ?? 5);
  const rate = Number(given.get("--rate") ?? 40);
  const system = given.get("--system") ?? "cluster";
  const only = (given.get("--only") ?? "").split(",").filter(Boolean);
  if (!Number.isInteger(seed) || seed < 0) problems.push("--seed must be a whole number.");
  if (!(minutes > 0 && minutes <= 1_440)) problems.push("--minutes must be above 0 and up to 1440.");
  if (!(rate > 0 && rate <= 1_000)) problems.push("--rate must be above 0 and up to 1000 submits a second.");
  if (system !== "cluster" && system !== "standalone")
    problems.push("--system must be cluster or standalone.");
  if (!only.every((name) => /^F\d{1,2}$/.test(name))) problems.push("--only must be like F7,F9.");
  if (problems.length > 0) return { kind: "wrong", problems };
  return { kind: "read", options: { seed, minutes, only, rate, system: system as Options["system"] } };
}

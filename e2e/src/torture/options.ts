export type Options = {
  seed: number;
  minutes: number;
  /** The faults to inject, all if empty. */
  only: string[];
  system: "cluster" | "standalone";
  /** Submissions per second. */
  rate: number;
};

const known = ["--seed", "--minutes", "--only", "--system", "--rate"];

/** Reads `--seed N --minutes M --only F7,F9 --system standalone --rate R`. Returns all problems if there are any. */
export function readOptions(words: string[], randomSeed: number): Options | { problems: string[] } {
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) given.set(words[at] as string, words[at + 1] ?? "");
  const [seed, minutes, rate] = [
    Number(given.get("--seed") ?? randomSeed),
    Number(given.get("--minutes") ?? 5),
    Number(given.get("--rate") ?? 40),
  ];
  const system = (given.get("--system") ?? "cluster") as Options["system"];
  const only = (given.get("--only") ?? "").split(",").filter(Boolean);
  const rules: [isKept: boolean, rule: string][] = [
    ...[...given.keys()].map((name): [boolean, string] => [
      known.includes(name),
      `${name} is not an option.`,
    ]),
    [Number.isInteger(seed) && seed >= 0, "--seed must be a whole number."],
    [minutes > 0 && minutes <= 1_440, "--minutes must be above 0 and at most 1440."],
    [rate > 0 && rate <= 1_000, "--rate must be above 0 and at most 1000."],
    [system === "cluster" || system === "standalone", "--system must be cluster or standalone."],
    [only.every((name) => /^F\d{1,2}$/.test(name)), "--only must be a list of faults, such as F7,F9."],
  ];
  const problems = rules.flatMap(([isKept, rule]) => (isKept ? [] : [rule]));
  return problems.length > 0 ? { problems } : { seed, minutes, only, rate, system };
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./evidence/evidence.ts";
import { type Done, hits } from "./nemesis.ts";
import type { Options } from "./options.ts";

export type Report = {
  options: Options;
  seconds: number;
  isGood: boolean;
  checks: Check[];
  faults: Done[];
  /** Tables of numbers, by title. */
  counts: Record<string, Record<string, number>>;
};

const examplesMax = 10;

/** Writes report.md and report.json into `folder`, and returns the path of the first. */
export function writeReport(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  const page = join(folder, "report.md");
  writeFileSync(page, pageOf(report));
  return page;
}

export function commandOf({ seed, minutes, only, system, rate }: Options): string {
  const words = [`--seed ${seed}`, `--minutes ${minutes}`, `--rate ${rate}`, `--system ${system}`];
  if (only.length > 0) words.push(`--only ${only.join(",")}`);
  return `bun run torture ${words.join(" ")}`;
}

/** One line for each check, with examples of its violations, and the verdict. */
export function summaryOf({ checks, isGood }: Report): string[] {
  const lines = checks.flatMap(({ number, name, checked, violations }) => [
    `${violations.length === 0 ? "✓" : "✗"} ${number}. ${name} (${checked} checked, ${violations.length} violations)`,
    ...violations.slice(0, examplesMax).map((one) => `    ${one}`),
  ]);
  return [...lines, isGood ? "passed" : "FAILED"];
}

function pageOf(report: Report): string {
  const { options, checks, faults, seconds, counts } = report;
  const notes = checks.filter(({ note }) => note !== "");
  const timeline = faults.map(({ atSeconds, seconds: tookSeconds, id, name, outcome }) => {
    return [atSeconds.toFixed(1), tookSeconds.toFixed(1), id, name, outcome];
  });
  const lines = [
    `# Torture of ${options.system}, seed ${options.seed}, ${seconds.toFixed(0)} seconds`,
    `\nTo repeat it: \`${commandOf(options)}\`\n`,
    ...["```", ...summaryOf(report), "```", ""],
    ...notes.map(({ number, note }) => `- ${number}: ${note}`),
    ...Object.entries(counts).flatMap(([title, own]) => table(title, Object.entries(own))),
    ...table("Hits", hits(faults)),
    ...table("Faults: start and duration in seconds", timeline),
  ];
  return `${lines.join("\n")}\n`;
}

/** A section with a table without a head, or nothing if there are no rows. */
function table(title: string, rows: (string | number)[][]): string[] {
  const line = (cells: unknown[]) => `| ${cells.join(" | ")} |`;
  const [first] = rows;
  if (!first) return [];
  return ["", `## ${title}`, "", line(first.map(() => "")), line(first.map(() => "---")), ...rows.map(line)];
}

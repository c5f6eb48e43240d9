import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./evidence/evidence.ts";
import type { Sometimes } from "./evidence/sometimes.ts";
import { type Done, hits } from "./nemesis.ts";
import type { Options } from "./options.ts";

export type Report = {
  options: Options;
  startedAt: string;
  seconds: number;
  isGood: boolean;
  counts: Record<string, number>;
  processors: Record<string, number>;
  answers: Record<string, number>;
  starts: Record<string, number>;
  faults: Done[];
  /** Faults that were not done at all, or not to everybody; `mustDoAll`: that fails the run. */
  missing: string[];
  mustDoAll: boolean;
  checks: Check[];
  sometimes: Sometimes[];
  /** A short or narrowed run need not see everything; then what was not seen does not fail it. */
  mustSeeAll: boolean;
  counters: Record<string, number>;
};

const examplesMax = 10;

/** Writes report.md and report.json into `folder`, and answers the path of the first. */
export function writeReport(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  const page = join(folder, "report.md");
  writeFileSync(page, reportText(report));
  return page;
}

export function commandOf({ seed, minutes, only, system, rate }: Options): string {
  const words = [`--seed ${seed}`, `--minutes ${minutes}`, `--rate ${rate}`, `--system ${system}`];
  if (only.length > 0) words.push(`--only ${only.join(",")}`);
  return `bun run torture ${words.join(" ")}`;
}

/** The report as a person reads it. Pure. */
export function reportText(report: Report): string {
  const { options, checks, faults } = report;
  const failed = checks.filter(({ violations }) => violations.length > 0);
  const unseen = report.sometimes.filter(({ count }) => count === 0);
  const lines = [
    `# Torture of ${options.system}, seed ${options.seed}: ${report.isGood ? "passed" : "FAILED"}`,
    "",
    `${report.startedAt}, ${report.seconds.toFixed(0)} seconds. Once more: \`${commandOf(options)}\``,
    "",
    ...table(["what", "count"], Object.entries(report.counts)),
    "## What was checked",
    "",
    ...table(
      ["#", "invariant", "looked at", "violations", ""],
      checks.map(({ number, name, checked, violations, note }) => [
        number,
        name,
        checked,
        violations.length,
        note ?? "",
      ]),
    ),
    ...failed.flatMap(({ number, name, violations }) => [
      `### ${number}. ${name}: ${violations.length} violations`,
      "",
      ...violations.slice(0, examplesMax).map((one) => `- ${one}`),
      "",
    ]),
    "## What must happen sometimes",
    "",
    ...table(
      ["what", "times"],
      report.sometimes.map(({ what, count }) => [what, count]),
    ),
    ...(unseen.length > 0 ? [`Not seen: ${unseen.map(({ what }) => what).join("; ")}.`, ""] : []),
    "## What was done to whom",
    "",
    ...table(
      ["fault", "component", "times"],
      Object.entries(hits(faults)).flatMap(([id, own]) =>
        Object.entries(own).map(([who, count]) => [id, who, count]),
      ),
    ),
    ...(report.missing.length > 0 ? [`Not done: ${report.missing.join("; ")}.`, ""] : []),
    "## One after another",
    "",
    ...table(
      ["at s", "for s", "fault", "", "outcome"],
      faults.map(({ atSeconds, seconds, id, name, outcome }) => [
        atSeconds.toFixed(1),
        seconds.toFixed(1),
        id,
        name,
        outcome,
      ]),
    ),
    "## Load, answers, starts of processes",
    "",
    ...table(["counter of all processes", "sum"], Object.entries(report.counters)),
    ...table(["processor of requests", "count"], Object.entries(report.processors)),
    ...table(["answer", "count"], Object.entries(report.answers)),
    ...table(["process", "starts"], Object.entries(report.starts)),
  ];
  return `${lines.join("\n")}\n`;
}

function table(head: string[], rows: (string | number)[][]): string[] {
  const line = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""];
}

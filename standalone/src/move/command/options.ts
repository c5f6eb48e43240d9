import { parseArgs } from "node:util";
import { requestsMongoUrl, resultsMongoUrl } from "@sate/contracts";

export type Options = {
  from: string;
  key: string | undefined;
  requestsUrl: string;
  resultsUrl: string;
  copyOnly: boolean;
};

export type ReadOptions =
  | { kind: "options"; options: Options }
  | { kind: "help" }
  | { kind: "wrong"; problem: string };

export const usage = `Moves everything from a running standalone to the databases of the distributed system.

  npx -y bun run move [options]

  --from URL          the standalone to move (default: http://127.0.0.1:5003)
  --key KEY           its API key with the scope admin, if it requires keys (or SATE_API_KEY)
  --requests-db URL   the Requests DB, mongodb://…/database (or REQUESTS_MONGO_URL)
  --results-db URL    the Results DB, mongodb://…/database (or RESULTS_MONGO_URL)
  --copy-only         copy what no longer changes, and stop before the last step

Other users of this machine can see arguments, so pass secrets in the environment.
The databases must be empty, or contain what an interrupted run of this command has copied.
Standalone continues to serve while most of its data is copied. In the last step it stops, and its data is sealed.`;

const given = {
  from: { type: "string", default: "http://127.0.0.1:5003" },
  key: { type: "string" },
  "requests-db": { type: "string" },
  "results-db": { type: "string" },
  "copy-only": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Names problems without values: they may be secrets. */
export function readOptions(args: string[], env: Record<string, string | undefined>): ReadOptions {
  let values: ReturnType<typeof parsed>;
  try {
    values = parsed(args);
  } catch (error) {
    return { kind: "wrong", problem: (error as Error).message.replace(/\.? To specify .*/, ".") };
  }
  if (values.help) return { kind: "help" };
  const requestsUrl = values["requests-db"] ?? env.REQUESTS_MONGO_URL ?? "";
  const resultsUrl = values["results-db"] ?? env.RESULTS_MONGO_URL ?? "";
  const from = values.from.replace(/\/+$/, "");
  const problems = [
    !/^https?:\/\/[^/\s]+/.test(from) && "--from must be an address, http://host:port.",
    !isUrlOf(requestsMongoUrl.REQUESTS_MONGO_URL, requestsUrl) &&
      "--requests-db or REQUESTS_MONGO_URL must be the address of the Requests DB, mongodb://…/database.",
    !isUrlOf(resultsMongoUrl.RESULTS_MONGO_URL, resultsUrl) &&
      "--results-db or RESULTS_MONGO_URL must be the address of the Results DB, mongodb://…/database.",
  ].filter((problem) => problem !== false);
  if (problems.length > 0) return { kind: "wrong", problem: problems.join("\n") };
  const key = values.key ?? env.SATE_API_KEY;
  const copyOnly = values["copy-only"];
  return { kind: "options", options: { from, key, requestsUrl, resultsUrl, copyOnly } };
}

function parsed(args: string[]) {
  return parseArgs({ args, options: given, strict: true, allowPositionals: false }).values;
}

function isUrlOf({ pattern = "" }: { pattern?: string }, url: string): boolean {
  return new RegExp(pattern).test(url);
}

/** The address of a database without its user, password and options, for people. */
export function nameOf(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//").replace(/\?.*/, "");
}

import type { Log } from "../../src/runtime/log.ts";

/** Keeps what is said. */
export function fakeLog(): Log & { said: string[] } {
  const said: string[] = [];
  const say = (level: string) => (message: string) => void said.push(`${level}: ${message}`);
  return { said, debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

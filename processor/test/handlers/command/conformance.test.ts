import { expect } from "bun:test";
import { join } from "node:path";
import { createGroups } from "../../../src/children/group.ts";
import { readDeclaration } from "../../../src/handlers/declaration.ts";
import { noLog } from "../../children/start.ts";
import { handlerSuite, named, secret } from "../../conformance/handlers/suite.ts";
import { folderOf, removeFolders } from "../../folder.ts";

const groups = createGroups({ log: noLog });
const env = { ...Bun.env, ...named, ...secret };
const behave = join(import.meta.dir, "../../conformance/handlers/behave.ts");
const inputOfText = `
[input]
type = "object"
required = ["text"]
properties.text.type = "string"
`;

handlerSuite({
  name: "command",
  async processor(behaviour) {
    const command = JSON.stringify([process.execPath, behave, behaviour]);
    const variables = JSON.stringify(Object.keys(named));
    const text = `kind = "command"\ncommand = ${command}\nenv = ${variables}\n`;
    const folder = folderOf({ "one.toml": behaviour === "needs_text" ? text + inputOfText : text });
    const read = await readDeclaration(join(folder, "one.toml"), {
      timeoutSeconds: 60,
      env,
      groups,
      log: noLog,
    });
    if (read.kind === "wrong") throw new Error(read.problem);
    return read.processor;
  },
  without: {
    throwing_getter: "A command returns bytes.",
    rejects_later: "When a command has exited, nothing of it is left.",
  },
  broken: { kind: "failed", error: { code: "exit_1" } },
  died: { kind: "broken", error: { code: "process_died", message: expect.stringContaining("SIGKILL") } },
  isAtWork: (run) => run.log().includes("started"),
  async close() {
    await groups.close();
    removeFolders();
  },
});

import { expect, test } from "bun:test";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../src/system/processes.ts";
import { bugs, plant } from "../../src/torture/bugs.ts";

for (const bug of bugs) {
  const { name, file, from } = bug;

  test(`its text occurs once: ${name}`, () => {
    expect(readFileSync(join(root, file), "utf8").split(from)).toHaveLength(2);
  });

  // A patch that does not compile would break the service for another reason than the bug.
  test(`it compiles: ${name}`, async () => {
    const { folder, remove } = plant(bug);
    try {
      const [service = ""] = file.split("/");
      symlinkSync(join(root, service, "node_modules"), join(folder, service, "node_modules"));
      const compiler = Bun.spawn(["bun", "run", "check"], { cwd: join(folder, service), stdout: "pipe" });
      expect(await new Response(compiler.stdout).text()).toBe("");
      expect(await compiler.exited).toBe(0);
    } finally {
      remove();
    }
  }, 60_000);
}

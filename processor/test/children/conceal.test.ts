import { expect, test } from "bun:test";
import { join } from "node:path";

const conceal = JSON.stringify(join(import.meta.dir, "../../src/children/conceal.ts"));
/** Root may read everything, so the test is another user. */
const asUser =
  process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];

/** What a child reads of the environment of a process that runs this first. */
async function readByChild(first: string): Promise<string> {
  const program = `${first}
    const child = Bun.spawn(["cat", "/proc/" + process.pid + "/environ"], { env: { PATH: process.env.PATH }, stderr: "pipe" });
    console.log(await child.stdout.text(), await child.stderr.text());
  `;
  const env = { PATH: Bun.env.PATH ?? "", TOKEN: "secret" };
  const parent = Bun.spawn([...asUser, process.execPath, "-e", program], {
    env,
    cwd: "/",
    stderr: "inherit",
  });
  return await parent.stdout.text();
}

test("children cannot read the environment of a process that conceals it", async () => {
  expect(await readByChild("")).toContain("TOKEN=secret");
  const first = `const { concealProcess } = await import(${conceal}); console.log(await concealProcess());`;
  const concealed = await readByChild(first);
  expect(concealed).toStartWith("true");
  expect(concealed).toContain("Permission denied");
  expect(concealed).not.toContain("secret");
});

import { expect, test } from "bun:test";
import { until } from "../until.ts";

/** What `main.ts` of a service must do, with settings whose dependencies are all down and whose passwords are "hidden". */
export function mainConformance(script: string, env: Record<string, string>): void {
  test("it serves its health while its dependencies are down, and SIGTERM ends it with code 0", async () => {
    await using child = Bun.spawn([process.execPath, script], { env: { ...env, PORT: "0" }, stdout: "pipe" });
    let text = "";
    const read = (async () => {
      for await (const chunk of child.stdout) text += new TextDecoder().decode(chunk);
    })();
    const lines = () => text.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : []));
    const listening = () => lines().find(({ message }) => message === "listening");
    await until("it listens", () => listening() !== undefined);
    const { port } = listening();
    expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
    const headers = { authorization: `Bearer ${env.SERVICE_TOKEN}` };
    const ready = await fetch(`http://127.0.0.1:${port}/ready`, { headers });
    const { reasons } = (await ready.json()) as { reasons: string[] };
    expect([ready.status, reasons[0]]).toEqual([503, "It is starting."]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await read;
    expect(lines().at(-1)?.message).toBe("stopped");
    expect(text).not.toContain("hidden");
  }, 30_000);
}

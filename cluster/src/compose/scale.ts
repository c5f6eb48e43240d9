/** Instances of one service that one machine can be asked for. */
const instancesMax = 20;

export type Scale = { kind: "scale"; of: Map<string, number> } | { kind: "wrong"; problems: string[] };

/** Reads `processor=3 requests-service=2`, as after `docker compose up --scale`. A service not named runs once. */
export function parseScale(text: string, services: string[]): Scale {
  const of = new Map(services.map((name) => [name, 1]));
  const problems: string[] = [];
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const [, name = "", digits] = /^([a-z][a-z0-9-]*)=(\d{1,4})$/.exec(word) ?? [];
    const count = Number(digits);
    if (digits === undefined) problems.push("SCALE must be words like processor=3.");
    else if (!of.has(name)) problems.push(`SCALE names ${name}; the services are ${services.join(", ")}.`);
    else if (count > instancesMax) problems.push(`SCALE can have at most ${instancesMax} of ${name}.`);
    else if (name === "gateway" && count === 0) problems.push("SCALE must leave one gateway.");
    else of.set(name, count);
  }
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "scale", of };
}

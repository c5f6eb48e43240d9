import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { WebhookSecret } from "../../src/index.ts";

const isSecret = (text: string) => Value.Check(WebhookSecret, text);
const secretOf = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;

test("a webhook secret is `whsec_` and the Base64 of 24 to 64 bytes", () => {
  for (const bytes of [24, 25, 26, 32, 63, 64])
    expect({ bytes, is: isSecret(secretOf(bytes)) }).toEqual({ bytes, is: true });
  for (const bytes of [0, 23, 65])
    expect({ bytes, is: isSecret(secretOf(bytes)) }).toEqual({ bytes, is: false });
});

test("a webhook secret that a strict decoder refuses is refused", () => {
  const good = secretOf(32);
  const wrong = [
    good.slice("whsec_".length),
    good.replace(/=$/, ""),
    `${good}=`,
    good.replace("B", "-"),
    `${good}\n`,
    `${good.slice(0, -2)}9=`,
  ];
  for (const text of wrong) expect({ text, is: isSecret(text) }).toEqual({ text, is: false });
});

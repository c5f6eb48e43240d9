import { randomBytes } from "node:crypto";

const secretBytes = 32;

/** A new signing secret. */
export const newSecret = (): string => `whsec_${randomBytes(secretBytes).toString("base64")}`;

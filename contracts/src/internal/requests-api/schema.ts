import { type TSchema, Type } from "@sinclair/typebox";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";

/** The building blocks of the schemas of the internal API. */

export const batch = <T extends TSchema>(item: T, itemsMax: number = limits.batchItemsMax) =>
  Type.Array(item, { maxItems: itemsMax });

/** A variant of a union, with nothing but its kind. */
export const tagged = <K extends string>(kind: K) => Type.Object({ kind: Type.Literal(kind) }, open);

/** Ms since 1970, by the clock of the Requests DB. */
export const Instant = Type.Integer({ minimum: 0 });

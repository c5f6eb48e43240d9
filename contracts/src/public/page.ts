import { type TSchema, Type } from "@sinclair/typebox";
import { open } from "../values/object.ts";

/** A page of a list: the entries under `name`, and the link to the next page. */
export const page = <T extends TSchema>(name: string, entry: T) =>
  Type.Object(
    {
      [name]: Type.Array(entry),
      next_uri: Type.Optional(
        Type.String({ description: "The URI of the next page. Absent on the last page." }),
      ),
    },
    open,
  );

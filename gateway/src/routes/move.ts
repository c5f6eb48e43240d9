import { type JsonText, jsonObject, toJson, Uuid } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { NoBody } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { jsonResponse } from "../http/render.ts";
import type { MovePage, MoveSource } from "../move/port.ts";
import type { Operation } from "./operation.ts";

const closed = { additionalProperties: false } as const;
const PageQuery = Type.Object(
  {
    after: Type.Optional(Type.String({ maxLength: 2_000 })),
    settled: Type.Optional(Type.Literal("1")),
    as: Type.Union([Type.Literal("records"), Type.Literal("digest")], { default: "records" }),
  },
  closed,
);
const SealBody = Type.Object({ id: Uuid, target: Type.String({ minLength: 1, maxLength: 2_000 }) }, closed);
const CompleteBody = Type.Object({ id: Uuid }, closed);

/**
 * The routes that `bun run move` calls on the server that it moves. They are for that command alone and change with it,
 * so they are not in the API reference.
 */
export function moveRoutes(operation: Operation, move: MoveSource) {
  const hidden = { scope: "admin", summary: "", responses: {} } as const;
  const json = (value: unknown) => jsonResponse(200, toJson(value as never));
  return new Elysia({ normalize: false, strictPath: true })
    .get("/move", () => json(move.state()), operation("system", { ...hidden, id: "moveState" }))
    .post(
      "/move",
      async () => json(await move.begin()),
      operation("system", { ...hidden, id: "beginMove", body: NoBody }),
    )
    .get(
      "/move/tables/:table",
      ({ params: { table }, query: { after, settled, as } }) => {
        const page = pageOf(() =>
          move.page({ table, settled: settled === "1", as, ...(after && { after }) }),
        );
        if (page === null) throw new Refusal("not-found", "No table with this name is moved.");
        return "digest" in page ? json(page) : jsonResponse(200, recordsView(page));
      },
      operation("system", { ...hidden, id: "movePage", query: PageQuery }),
    )
    .post(
      "/move/seal",
      async ({ body }) => {
        if (!(await move.seal(body))) throw otherMove();
        return json(move.state());
      },
      operation("system", { ...hidden, id: "sealMove", body: SealBody }),
    )
    .post(
      "/move/complete",
      async ({ body }) => {
        if (!(await move.complete(body))) throw otherMove();
        return json(move.state());
      },
      operation("system", { ...hidden, id: "completeMove", body: CompleteBody }),
    );
}

function recordsView({ next, through, count, records }: MovePage & { records: JsonText[] }): JsonText {
  const rest = { next, through, count };
  const texts = Object.entries(rest).map(([name, value]) => [name, toJson(value)]);
  return jsonObject({ ...Object.fromEntries(texts), records: `[${records.join(",")}]` });
}

function pageOf<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal("invalid-parameter", "`after` is not from a page of this table.", { field: "after" });
  }
}

function otherMove(): Refusal {
  return new Refusal("other-move", "This server has begun another move. Run the command again.");
}

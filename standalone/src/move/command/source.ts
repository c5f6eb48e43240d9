import type { MovePage, MoveSource, MoveState } from "@sate/gateway";
import { Failure, type Patiently } from "./failure.ts";

/** A standalone, over HTTP. Every call is repeated while it does not respond. */
export type Source = ReturnType<typeof createSource>;

type Begun = Awaited<ReturnType<MoveSource["begin"]>>;
type PageOf<As> = { after?: string | undefined; settled?: boolean; as: As };
export type RecordsPage = Omit<MovePage, "records"> & { records: object[] };
export type DigestPage = MovePage & { digest: string };

const deadlineMs = 30_000;

export function createSource({ from, key }: { from: string; key: string | undefined }, patiently: Patiently) {
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const headers = { ...authorization, "content-type": "application/json" };

  function call<T>(path: string, body?: object): Promise<T> {
    const method = body ? { method: "POST", body: JSON.stringify(body) } : {};
    return patiently(`The server at ${from}`, async () => {
      const signal = AbortSignal.timeout(deadlineMs);
      const response = await fetch(`${from}${path}`, { ...method, headers, signal, redirect: "error" });
      if (response.ok) return (await response.json()) as T;
      const { status } = response;
      const { detail = "" } = (await response.json().catch(() => ({}))) as { detail?: string };
      if (status === 401 || status === 403) throw new Failure(`${from} refuses the API key: ${detail}`, 77);
      if (status === 404)
        throw new Failure(`${from} cannot be moved: it is not a standalone, or an older version.`, 78);
      if (status < 500) throw new Failure(`${from} refuses the move: ${detail}`, 78);
      throw new Error(`status ${status}`);
    });
  }

  function page<T>(table: string, { after, settled = false, as }: PageOf<string>): Promise<T> {
    const query = new URLSearchParams({ as, ...(after && { after }), ...(settled && { settled: "1" }) });
    return call(`/move/tables/${table}?${query}`);
  }

  return {
    begin: () => call<Begun>("/move", {}),
    state: () => call<MoveState>("/move"),
    records: (table: string, wanted: Omit<PageOf<"records">, "as">) =>
      page<RecordsPage>(table, { ...wanted, as: "records" }),
    digest: (table: string, after: string | undefined) => page<DigestPage>(table, { after, as: "digest" }),
    seal: (id: string, target: string) => call<MoveState>("/move/seal", { id, target }),
    complete: (id: string) => call<MoveState>("/move/complete", { id }),
  };
}

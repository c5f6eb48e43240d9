import { requestBytes } from "./raw-http.ts";

/** In every input, so that it is found in every answer, log or page that repeats what was sent. */
export const canary = "cana7ry";

/** One thing that a client should not send, and what it must be told. `:known` stands for a stored request. */
export type Row = {
  name: string;
  method: string;
  target: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  status: number;
  /** The problem's name: `urn:sate:problem:<type>`. */
  type: string;
  field?: string;
};

const json = { "Content-Type": "application/json" };
const unknownId = "01900000-0000-7000-8000-000000000000";
const limitBytes = 512 * 1024;

const posted = (
  name: string,
  body: string | Uint8Array,
  status: number,
  type: string,
  more: Partial<Row> = {},
): Row => ({
  name,
  method: "POST",
  target: "/requests",
  headers: json,
  body,
  status,
  type,
  ...more,
});
const typed = (contentType: string): Row =>
  posted(`the content type ${contentType}`, `{"payload":"${canary}"}`, 415, "unsupported-media-type", {
    headers: { "Content-Type": contentType },
  });
const asked = (target: string, status: number, type: string, more: Partial<Row> = {}): Row => ({
  name: `${more.method ?? "GET"} ${target.slice(0, 60)}`,
  method: "GET",
  target,
  status,
  type,
  ...more,
});
const nested = (levels: number) =>
  `{"payload":${"[".repeat(levels - 1)}"${canary}"${"]".repeat(levels - 1)}}`;
const ofBytes = (length: number) => `{"payload":"${canary.padEnd(length - 14, "x")}"}`;
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const around = (before: string, bytes: number[], after: string) =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);

/** The kinds of HOSTILE, each with its examples and more of its kind. */
export const rows: Record<string, Row[]> = {
  "not JSON": [
    posted("an object that does not end", `{"a":"${canary}"`, 400, "malformed-json"),
    posted("NaN", `{"payload":NaN,"x":"${canary}"}`, 400, "malformed-json"),
    posted("single quotes", `{'payload':'${canary}'}`, 400, "malformed-json"),
    posted("nothing but spaces", "  \n", 400, "malformed-json"),
    posted("an empty body", "", 400, "malformed-json"),
    posted("two values", `{"payload":1}"${canary}"`, 400, "malformed-json"),
    posted("a comment", `{"payload":1}/*${canary}*/`, 400, "malformed-json"),
    posted("a raw control character", `{"payload":"${canary}\u0001"}`, 400, "malformed-json"),
  ],
  "wrong encoding": [
    posted("0xFF in a string", around(`{"payload":"${canary}`, [0xff], '"}'), 400, "malformed-encoding"),
    posted(
      "a surrogate in UTF-8",
      around(`{"payload":"${canary}`, [0xed, 0xa0, 0x80], '"}'),
      400,
      "malformed-encoding",
    ),
    posted("a byte order mark", `\ufeff{"payload":"${canary}"}`, 400, "malformed-encoding"),
    posted("UTF-16", Buffer.from(`\ufeff{"payload":"${canary}"}`, "utf16le"), 400, "malformed-encoding"),
    typed("application/json; charset=utf-16"),
  ],
  "wrong content type": [
    posted("no content type", `{"payload":"${canary}"}`, 415, "unsupported-media-type", { headers: {} }),
    ...[
      "text/plain",
      "application/xml",
      "multipart/form-data; boundary=x",
      "application/x-www-form-urlencoded",
    ].map(typed),
    ...["application/json, text/plain", "application/json5", `application/${canary}`, "*/*"].map(typed),
    posted("gzip", `{"payload":"${canary}"}`, 415, "unsupported-content-encoding", {
      headers: { ...json, "Content-Encoding": "gzip" },
    }),
  ],
  "wrong shape": [
    posted("null", "null", 422, "invalid-body", { field: "payload" }),
    posted("a number", "123", 422, "invalid-body", { field: "payload" }),
    posted("a string", `"${canary}"`, 422, "invalid-body", { field: "payload" }),
    posted("an array", `["${canary}"]`, 422, "invalid-body", { field: "payload" }),
    posted("no payload", "{}", 422, "invalid-body", { field: "payload" }),
    posted("a state", `{"payload":"${canary}","state":"${canary}"}`, 422, "invalid-body", { field: "state" }),
    posted("an id", `{"payload":1,"id":"${canary}"}`, 422, "invalid-body", { field: "id" }),
    posted("a prototype", `{"payload":1,"__proto__":{"admin":true}}`, 422, "invalid-body", {
      field: "__proto__",
    }),
    posted("a name that is no plain one", `{"payload":1,"<${canary}>":1}`, 422, "invalid-body"),
    posted("a processor that is none", `{"payload":1,"processor":"../${canary}"}`, 422, "invalid-body", {
      field: "processor",
    }),
    ...['"yes"', "null", "1", "{}"].map((value) =>
      posted(`force_error ${value}`, `{"force_error":${value}}`, 422, "invalid-body", {
        target: "/requests/:known/executions",
        field: "force_error",
      }),
    ),
    posted("an execution with a state", `{"state":"${canary}"}`, 422, "invalid-body", {
      target: "/requests/:known/executions",
      field: "state",
    }),
    posted("a body where none belongs", `{"why":"${canary}"}`, 422, "invalid-body", {
      target: `/requests/:known/executions/${unknownId}/cancel`,
    }),
  ],
  "too deep, too big": [
    posted("65 levels", nested(65), 400, "nested-too-deep"),
    posted("200,000 levels", `{"payload":${"[".repeat(200_000)}`, 400, "nested-too-deep"),
    posted(
      "200,000 levels of objects that no one closes",
      `{"payload":${'{"":'.repeat(100_000)}`,
      400,
      "nested-too-deep",
    ),
    posted("one byte over the limit", ofBytes(limitBytes + 1), 413, "body-too-large"),
    posted("in chunks, over the limit", chunked(ofBytes(limitBytes + 1)), 413, "body-too-large", {
      headers: { ...json, "Transfer-Encoding": "chunked" },
    }),
    posted("a length far over the limit, and nothing sent", "", 413, "body-too-large", {
      headers: { ...json, "Content-Length": "9000000000" },
    }),
  ],
  "duplicate keys": [
    posted("the payload twice", `{"payload":1,"payload":"${canary}"}`, 400, "duplicate-key", {
      field: "payload",
    }),
    posted(
      "the payload twice, once in disguise",
      `{"payload":1,"\\u0070ayload":"${canary}"}`,
      400,
      "duplicate-key",
      { field: "payload" },
    ),
    posted("force_error twice", `{"force_error":true,"force_error":false}`, 400, "duplicate-key", {
      target: "/requests/:known/executions",
      field: "force_error",
    }),
  ],
  "operators in filters": [
    ...[
      "status[$ne]=x",
      "status=$where",
      "limit=1&limit=2",
      "limit=-1",
      "limit=1e9",
      "limit=abc",
      "limit=0",
      "limit=101",
    ],
    ...[
      "limit=%31%00",
      "limit[]=1",
      "limit[$gt]=",
      "cursor=forged",
      `cursor=${canary}`,
      "__proto__[admin]=1",
    ],
    `cursor=${Buffer.from("r:../../etc/passwd").toString("base64url")}`,
    `cursor=${Buffer.from("a:1").toString("base64url")}`,
    `cursor=${"A".repeat(9_000)}`,
    `%3C${canary}%3E=1`,
  ].map((query) => asked(`/requests?${query}`, 400, "invalid-parameter")),
  ids: [
    ...[
      "..%2f..%2fetc%2fpasswd",
      "%00",
      "%0d%0aX-Injected:%20yes",
      canary.repeat(1_286),
      unknownId.toUpperCase().replace("019", "A19"),
    ],
    ...[
      "%E0%A4%A",
      "%",
      "$where",
      "__proto__",
      "constructor",
      `${unknownId}%00`,
      "{%22$ne%22:null}",
      "1",
      unknownId,
    ],
  ].flatMap((id) => [
    asked(`/requests/${id}`, 404, "request-not-found"),
    asked(`/requests/${id}/results`, 404, "request-not-found"),
    asked(`/requests/${id}/executions`, 404, "request-not-found", { method: "POST" }),
    asked(`/requests/:known/executions/${id}`, 404, "execution-not-found"),
    asked(`/requests/:known/executions/${id}/results`, 404, "execution-not-found"),
  ]),
  addresses: [
    ...[
      "/nothing",
      `/${canary}`,
      "//requests",
      "/requests/",
      "/requests/../../etc/passwd",
      "/REQUESTS",
      "/requests;x=1",
      "/.env",
    ],
    ...["/requests%2f", "/internal/claim", "/api/claim", "/requests/:known/executions/claim/x"],
  ].map((target) => asked(target, 404, "not-found")),
  methods: [
    ...["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"].map((method) =>
      asked("/requests", 405, "method-not-allowed", { method, headers: { "X-Canary": canary } }),
    ),
    asked("/requests/:known", 405, "method-not-allowed", { method: "POST" }),
    asked("/requests/:known/executions/x/cancel", 405, "method-not-allowed", {
      headers: { "X-HTTP-Method-Override": "POST" },
    }),
  ],
  "other sites": [
    ...[`${canary}.org`, `sate.example.${canary}`, `localhost.${canary}`, "192.0.2.1", canary].map((host) =>
      asked("/requests", 421, "host-not-allowed", { name: `the host ${host}`, headers: { Host: host } }),
    ),
    ...[`http://${canary}.org`, "null", "http://localhost:1", `https://${canary}:5003`].map((origin) =>
      posted(`the origin ${origin}`, `{"payload":"${canary}"}`, 403, "origin-not-allowed", {
        headers: { ...json, Origin: origin },
      }),
    ),
  ],
  hosts: ["", "a b", "[", "a/b?c#d", "a:99999", `<${canary}>`].map((host) =>
    asked("/requests", 400, "malformed-host", { name: `the host "${host}"`, headers: { Host: host } }),
  ),
};

/** A row as bytes, every input of it with the canary. */
export function bytesOf(row: Row, known: string): Buffer {
  const headers = {
    ...(row.headers?.Host === undefined && { Host: `${canary}.example` }),
    Accept: canary,
    Cookie: canary,
    "User-Agent": canary,
    "X-Forwarded-For": canary,
    ...row.headers,
  };
  return requestBytes(row.method, row.target.replace(":known", known), headers, row.body);
}

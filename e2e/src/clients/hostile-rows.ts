import { requestBytes } from "./raw-http.ts";

/** Part of every input, so that a response which echoes any of it contains this. */
export const canary = "cana7ry";

/** An invalid request and its response. `:known` in its target stands for the id of a stored request. */
export type Row = {
  name: string;
  status: number;
  /** The problem's name: `urn:sate:problem:<type>`. Without one the HTTP server below the routes closes the connection. */
  type?: string;
  field?: string | undefined;
  bytes(known: string): string | Uint8Array;
};

type Body = string | Uint8Array;
type Terms = {
  method?: string;
  target?: string;
  headers?: Record<string, string>;
  body?: Body;
  field?: string | undefined;
};

const json = { "Content-Type": "application/json" };
const unknownId = "01900000-0000-7000-8000-000000000000";
const limitBytes = 512 * 1024;
const executions = "/requests/:known/executions";
const cancelUnknown = `${executions}/${unknownId}/cancel`;

/** Every header that may hold the canary does. */
function row(name: string, status: number, type: string, terms: Terms): Row {
  const { method = "GET", target = "/requests", headers = {}, body, field } = terms;
  const all = {
    Host: `${canary}.example`,
    ...{ Accept: canary, Cookie: canary, "User-Agent": canary, "X-Forwarded-For": canary },
    ...headers,
  };
  const bytes = (known: string) => requestBytes(method, target.replace(":known", known), all, body);
  return { name, status, type, field, bytes };
}

/** Bodies by name, each sent to POST /requests unless `terms` say otherwise. */
const posted = (status: number, type: string, bodies: Record<string, Body>, terms: Terms = {}): Row[] =>
  Object.entries(bodies).map(([name, body]) =>
    row(name, status, type, { method: "POST", headers: json, ...terms, body }),
  );
const invalid = (field: string | undefined, bodies: Record<string, Body>, target = "/requests") =>
  posted(422, "invalid-body", bodies, { field, target });
const tooLarge = (name: string, body: Body, headers: Record<string, string> = {}) =>
  posted(413, "body-too-large", { [name]: body }, { headers: { ...json, ...headers } });
const twice = (field: string, bodies: Record<string, Body>, target?: string) =>
  posted(400, "duplicate-key", bodies, { field, ...(target !== undefined && { target }) });
const asked = (status: number, type: string, targets: string[], terms: Terms = {}): Row[] =>
  targets.map((target) =>
    row(`${terms.method ?? "GET"} ${target.slice(0, 60)}`, status, type, { ...terms, target }),
  );
/** A plain body, with each of these values in a header. */
const sent = (status: number, type: string, header: string, values: string[]): Row[] =>
  values.flatMap((value) =>
    posted(status, type, { [`${header}: ${value}`]: body }, { headers: { ...json, [header]: value } }),
  );

const body = `{"payload":"${canary}"}`;
const overridden = { "X-HTTP-Method-Override": "POST" };
const inParts = { "Transfer-Encoding": "chunked" };
const around = (before: string, bytes: number[], after: string) =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
const nested = (levels: number) =>
  `{"payload":${"[".repeat(levels - 1)}"${canary}"${"]".repeat(levels - 1)}}`;
const ofBytes = (length: number) => `{"payload":"${canary.padEnd(length - 14, "x")}"}`;
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;

const ids = [
  ...["..%2f..%2fetc%2fpasswd", "%00", "%0d%0aX-Injected:%20yes", canary.repeat(1_286), "%E0%A4%A", "%", "1"],
  ...["$where", "__proto__", "constructor", "{%22$ne%22:null}", `${unknownId}%00`, unknownId],
  unknownId.toUpperCase().replace("019", "A19"),
];
const queries = [
  ...["status[$ne]=x", "status=$where", "limit=1&limit=2", "limit=-1", "limit=1e9", "limit=abc", "limit=0"],
  ...["limit=101", "limit=%31%00", "limit[]=1", "limit[$gt]=", "cursor=forged", `cursor=${canary}`],
  ...["r:../../etc/passwd", "a:1"].map((text) => `cursor=${Buffer.from(text).toString("base64url")}`),
  ...["__proto__[admin]=1", `cursor=${"A".repeat(9_000)}`, `%3C${canary}%3E=1`],
].flatMap((query) => [`/requests?${query}`, `/executions?${query}`]);
const filters = [
  ...["status=queued&status=failed", "status=$where", `status=${canary}`, "label=a", `label=<${canary}>:x`],
  ...["label[$ne]=a:b", `processor=../${canary}`, "since=now", "until=2030-02-30T00:00:00Z"],
  ...["since=2030-01-02T00:00:00Z&until=2030-01-01T00:00:00Z", `label=a:${"x".repeat(9_000)}`],
].map((query) => `/executions?${query}`);
const addresses = [
  ...["/nothing", `/${canary}`, "//requests", "/requests/", "/requests/../../etc/passwd", "/REQUESTS"],
  ...["/requests;x=1", "/.env", "/requests%2f", "/internal/claim", "/api/claim", `${executions}/claim/x`],
];
const mediaTypes = [
  ...["text/plain", "application/xml", "application/json, text/plain", `application/${canary}`, "*/*"],
  ...["application/json5", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
];
const otherHosts = [`${canary}.org`, `sate.example.${canary}`, `localhost.${canary}`, "192.0.2.1", canary];
const origins = [`http://${canary}.org`, "null", "http://localhost:1", `https://${canary}:5003`];

const host = "Host: sate.example\r\n";
export const posting = `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;
export const getting = `GET /live HTTP/1.1\r\n${host}`;
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
const chunkedHeader = "Transfer-Encoding: chunked\r\n";
const lengthHeader = `Content-Length: ${body.length}\r\n`;
export const inChunks = (chunks: string) => `${posting}${chunkedHeader}\r\n${chunks}`;

/** Broken HTTP. Bun responds with a status and closes the connection before any route sees the request. */
const closed = (status: number, texts: Record<string, string>): Row[] =>
  Object.entries(texts).map(([name, text]) => ({ name, status, bytes: () => text }));
const framing = {
  "a length and chunks": `${posting}${lengthHeader}${chunkedHeader}\r\n${body}`,
  "chunks and a length": `${posting}${chunkedHeader}Content-Length: 4\r\n\r\n${chunk}0\r\n\r\n`,
  "a second request behind a length and chunks": `${posting}Content-Length: 5\r\n${chunkedHeader}\r\n0\r\n\r\n${posting}${lengthHeader}\r\n${body}`,
  "two lengths": `${posting}${lengthHeader}Content-Length: 5\r\n\r\n${body}`,
  "two encodings": `${posting}Transfer-Encoding: gzip, chunked\r\n\r\n${chunk}0\r\n\r\n`,
  "the same encoding twice": `${posting}${chunkedHeader}${chunkedHeader}\r\n${chunk}0\r\n\r\n`,
  "an unknown encoding": `${posting}Transfer-Encoding: xchunked\r\n\r\n${chunk}0\r\n\r\n`,
  "a bad last chunk": inChunks(`${chunk}zz\r\n\r\n`),
  "a chunk longer than its size": inChunks(`${body.length.toString(16)}\r\n${body}XX0\r\n\r\n`),
  trailers: inChunks(`${chunk}0\r\nX-Sum: ${canary}\r\n\r\n`),
  "an empty line behind a body": `${posting}${lengthHeader}\r\n${body}\r\n`,
  "a chunk of negative size": inChunks(`-1\r\n${body}\r\n0\r\n\r\n`),
  "a chunk size beyond 64 bits": inChunks(`ffffffffffffffffff\r\n${body}\r\n0\r\n\r\n`),
  "a control character in X-Request-Id": `${getting}X-Request-Id: ${canary}\u0001\r\n\r\n`,
  "an escape sequence in X-Request-Id": `${getting}X-Request-Id: \u001b[31m${canary}\r\n\r\n`,
  "a NUL in X-Request-Id": `${getting}X-Request-Id: ${canary}\0\r\n\r\n`,
  "a header behind a bare line feed": `${getting}X-Request-Id: a\nX-Injected: ${canary}\r\n\r\n`,
  "a folded header": `${getting}X-A: a\r\n ${canary}\r\n\r\n`,
  "a space before the colon": `${getting}X-A : ${canary}\r\n\r\n`,
  "a header without a name": `${getting}: ${canary}\r\n\r\n`,
  "no Host": "GET /live HTTP/1.1\r\n\r\n",
  "an invalid address": `GET ${canary} HTTP/1.1\r\n${host}\r\n`,
  "not HTTP": `\u0000\u0001${canary}\r\n\r\n`,
};
const lengths = [`${body.length}, 5`, "-1", "+5", "0x5", "5 5", "", "99999999999999999999999"];

/** Bad input by kind, each with its examples. */
export const rows: Record<string, Row[]> = {
  "not JSON": posted(400, "malformed-json", {
    "an object that does not end": `{"a":"${canary}"`,
    NaN: `{"payload":NaN,"x":"${canary}"}`,
    "single quotes": `{'payload':'${canary}'}`,
    "only spaces": "  \n",
    "an empty body": "",
    "two values": `{"payload":1}"${canary}"`,
    "a comment": `{"payload":1}/*${canary}*/`,
    "a raw control character": `{"payload":"${canary}\u0001"}`,
  }),
  "wrong encoding": [
    ...posted(400, "malformed-encoding", {
      "0xFF in a string": around(`{"payload":"${canary}`, [0xff], '"}'),
      "a surrogate in UTF-8": around(`{"payload":"${canary}`, [0xed, 0xa0, 0x80], '"}'),
      "a byte order mark": `\ufeff{"payload":"${canary}"}`,
      "UTF-16": Buffer.from(`\ufeff{"payload":"${canary}"}`, "utf16le"),
    }),
    ...sent(415, "unsupported-media-type", "Content-Type", ["application/json; charset=utf-16"]),
  ],
  "wrong content type": [
    ...posted(415, "unsupported-media-type", { "no content type": body }, { headers: {} }),
    ...sent(415, "unsupported-media-type", "Content-Type", mediaTypes),
    ...sent(415, "unsupported-content-encoding", "Content-Encoding", ["gzip"]),
  ],
  "wrong shape": [
    ...invalid("payload", { null: "null", "a number": "123", "no payload": "{}" }),
    ...invalid("payload", { "a string": `"${canary}"`, "an array": `["${canary}"]` }),
    ...["state", "id", "__proto__"].flatMap((field) =>
      invalid(field, { [`a field ${field}`]: `{"payload":1,"${field}":{"${canary}":true}}` }),
    ),
    ...invalid(undefined, { "a name that is not plain": `{"payload":1,"<${canary}>":1}` }),
    ...invalid("processor", { "an invalid processor": `{"payload":1,"processor":"../${canary}"}` }),
    ...['"yes"', "null", "1", "{}"].flatMap((value) =>
      invalid("force_error", { [`force_error ${value}`]: `{"force_error":${value}}` }, executions),
    ),
    ...invalid("state", { "an execution with a state": `{"state":"${canary}"}` }, executions),
    ...invalid(undefined, { "a body on a route without one": `{"why":"${canary}"}` }, cancelUnknown),
  ],
  "too deep, too big": [
    ...posted(400, "nested-too-deep", {
      "65 levels": nested(65),
      "200,000 levels": `{"payload":${"[".repeat(200_000)}`,
      "200,000 levels of objects that do not end": `{"payload":${'{"":'.repeat(100_000)}`,
    }),
    ...tooLarge("one byte over the limit", ofBytes(limitBytes + 1)),
    ...tooLarge("over the limit, in chunks", chunked(ofBytes(limitBytes + 1)), inParts),
    ...tooLarge("a length far over the limit, and nothing sent", "", { "Content-Length": "9000000000" }),
  ],
  "duplicate keys": [
    ...twice("payload", {
      "the payload twice": `{"payload":1,"payload":"${canary}"}`,
      "the payload twice, once escaped": `{"payload":1,"\\u0070ayload":"${canary}"}`,
    }),
    ...twice("force_error", { "force_error twice": `{"force_error":true,"force_error":false}` }, executions),
  ],
  "operators in filters": asked(400, "invalid-parameter", [...queries, ...filters]),
  ids: ids.flatMap((id) => [
    ...asked(404, "request-not-found", [`/requests/${id}`, `/requests/${id}/results`]),
    ...asked(404, "request-not-found", [`/requests/${id}/executions`], { method: "POST" }),
    ...asked(404, "execution-not-found", [`${executions}/${id}`, `${executions}/${id}/results`]),
  ]),
  addresses: asked(404, "not-found", addresses),
  methods: [
    ...["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"].flatMap((method) =>
      asked(405, "method-not-allowed", ["/requests"], { method, headers: { "X-Canary": canary } }),
    ),
    ...asked(405, "method-not-allowed", ["/requests/:known"], { method: "POST" }),
    ...asked(405, "method-not-allowed", [`${executions}/x/cancel`], { headers: overridden }),
  ],
  "other sites": [
    ...sent(421, "host-not-allowed", "Host", otherHosts),
    ...sent(403, "origin-not-allowed", "Origin", origins),
  ],
  hosts: sent(400, "malformed-host", "Host", ["", "a b", "[", "a/b?c#d", "a:99999", `<${canary}>`]),
  framing: [
    ...closed(400, framing),
    ...lengths.flatMap((length) =>
      closed(400, { [`length "${length}"`]: `${posting}Content-Length: ${length}\r\n\r\n${body}` }),
    ),
    ...closed(431, {
      "64 KB of headers": `${getting}X-A: ${canary.padEnd(65_536, "x")}\r\n\r\n`,
      "500 headers": `${getting}${`X-A: ${canary}\r\n`.repeat(500)}\r\n`,
      "an address of 64 KB": `GET /${canary.padEnd(65_536, "x")} HTTP/1.1\r\n${host}\r\n`,
    }),
    ...closed(505, { "HTTP/2.0": `GET /live HTTP/2.0\r\n${host}\r\n`, "HTTP/0.9": "GET /live\r\n\r\n" }),
  ],
};

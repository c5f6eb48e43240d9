import { expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import {
  accessSettings,
  dataDir,
  gatewaySettings,
  kafkaSettings,
  leaseSettings,
  misspeltSettings,
  processingSettings,
  processSettings,
  requestsServiceUrl,
} from "../../src/index.ts";

const Settings = Type.Object({
  ...processSettings({ port: 0 }),
  ...accessSettings,
  ...gatewaySettings,
  ...requestsServiceUrl,
  ...dataDir,
  ...kafkaSettings,
  ...leaseSettings,
  ...processingSettings,
});
const warnings = (...names: string[]) =>
  misspeltSettings(Settings, Object.fromEntries(names.map((name) => [name, "secret"])));

test("a variable that resembles a setting is named with it, and without its value", () => {
  expect(warnings("PATH", "MAX_FAILURE", "MAX_FAILURES")).toEqual([
    "MAX_FAILURE is not a setting and has no effect. Did you mean MAX_FAILURES?",
  ]);
  for (const [given, meant] of [
    ["max_failures", "MAX_FAILURES"],
    ["MAXFAILURES", "MAX_FAILURES"],
    ["LEASE_SECOND", "LEASE_SECONDS"],
    ["LEASE-SECONDS", "LEASE_SECONDS"],
    ["CONCURENCY", "CONCURRENCY"],
    ["PROCESING_SECNODS", "PROCESSING_SECONDS"],
    ["KAFKA_BROKER", "KAFKA_BROKERS"],
    ["KAFKA_SASL_PASWORD", "KAFKA_SASL_PASSWORD"],
    ["API_KEY", "API_KEYS"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["DATADIR", "DATA_DIR"],
    ["REQUEST_SERVICE_URL", "REQUESTS_SERVICE_URL"],
  ] as const) {
    expect(warnings(given)).toEqual([expect.stringContaining(`mean ${meant}?`)]);
  }
});

test("a setting of another service is not reported, because services may share one environment", () => {
  expect(warnings("MAX_LOST", "CONFIRM_SECONDS", "RESULTS_MONGO_URL", "SERVICE_TOKEN")).toEqual([]);
  const lease = Type.Object(leaseSettings);
  expect(misspeltSettings(lease, { MAX_FAILURES: "1", MAX_FAILURE: "1" })).toEqual([]);
});

test("common environment variables are not taken for misspelt settings", () => {
  const usual = [
    ..."PATH HOME USER SHELL TERM PWD OLDPWD LANG LC_ALL LOGNAME MAIL TZ DISPLAY HOSTNAME HOSTTYPE".split(
      " ",
    ),
    ..."HOST_NAME HOSTS PORTS PORT_X XPORT SSH_PORT REPORT EXPORT host port HTTP_PROXY no_proxy".split(" "),
    ..."XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR WEB_CONCURRENCY LOG_FILE LOG_FORMAT NODE_ENV".split(" "),
    ..."PUBLIC_DIR API_URL API_TOKEN API_KEY_ID OPENAI_API_KEY MAX_POSTS KAFKA_HOME KAFKA_OPTS".split(" "),
    ..."REQUESTS_SERVICE_SERVICE_HOST REQUESTS_SERVICE_PORT RESULTS_SERVICE_PORT GATEWAY_PORT".split(" "),
    ..."REQUESTS_SERVICE_PORT_5001_TCP_ADDR RESULTS_DB_ROOT_PASSWORD npm_config_user_agent _".split(" "),
    ..."TMUX_PANE SSH_AUTH_SOCK INVOCATION_ID JOURNAL_STREAM GPG_AGENT_INFO BUN_INSTALL".split(" "),
    "X".repeat(100_000),
  ];
  expect(warnings(...usual)).toEqual([]);
});

type Loaded = { PROCESSING_SECONDS?: number; EXECUTION_SECONDS?: number; SHUTDOWN_SECONDS?: number } & {
  [name in "ALLOWED_HOSTS" | "API_KEYS" | "API_KEYS_FILE" | "ALLOW_ANONYMOUS"]?: string;
};

/** A stop gives handlers at least this part of its time; the rest is for what must follow them. */
const handlersShareOfStop = 0.4;

/** Settings that contradict each other, one sentence each. They are warnings: the simulation may not be in use. */
export function contradictions(settings: Loaded): string[] {
  const { PROCESSING_SECONDS: processing = 0, EXECUTION_SECONDS: deadline = 86_400 } = settings;
  const { SHUTDOWN_SECONDS: shutdown = 3_600 } = settings;
  const found: string[] = [];
  if (processing >= deadline) {
    found.push("PROCESSING_SECONDS is not below EXECUTION_SECONDS: every simulated execution will time out.");
  } else if (processing > shutdown * handlersShareOfStop) {
    found.push(
      "PROCESSING_SECONDS is above two fifths of SHUTDOWN_SECONDS: a stop may requeue the simulated executions.",
    );
  }
  const { ALLOWED_HOSTS, API_KEYS, API_KEYS_FILE, ALLOW_ANONYMOUS } = settings;
  if (ALLOWED_HOSTS && (API_KEYS || API_KEYS_FILE || ALLOW_ANONYMOUS === "1")) {
    found.push("ALLOWED_HOSTS has no effect with API keys or ALLOW_ANONYMOUS=1: every Host is served.");
  }
  return found;
}

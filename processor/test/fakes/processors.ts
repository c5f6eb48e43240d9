import { defaultProcessor, type ProcessorAnnouncement } from "@sate/contracts";
import type { Handler, Processor, Processors } from "../../src/ports.ts";

export type Served = Record<string, Handler | (Partial<Omit<Processor, "announcement">> & Announced)>;
type Announced = { handler: Handler; announces?: Partial<ProcessorAnnouncement> };

/** How long an aborted handler of the tests may take to end. */
export const graceMs = 500;

/** A processor that serves its name with this handler, with a deadline of a minute. */
export function served(name: string, given: Served[string]): Processor {
  const { announces, ...rest } = typeof given === "function" ? { handler: given } : given;
  return {
    announcement: { name, kind: "module", timeout_seconds: 60, ...announces },
    graceMs,
    ...rest,
  };
}

/** Processors that a test changes. */
export function fakeProcessors(handlers: Served) {
  let processors: Processor[] = [];
  let changed = () => {};
  const fake = {
    isClosed: false,
    all: () => processors,
    find: (name: string) => processors.find(({ announcement }) => announcement.name === name),
    onChange(then: () => void) {
      changed = then;
    },
    async close() {
      fake.isClosed = true;
    },
    serve(handlers: Served) {
      processors = Object.entries(handlers).map(([name, given]) => served(name, given));
      changed();
    },
  };
  fake.serve(handlers);
  return fake satisfies Processors;
}

/** Those of a test that is about one handler. */
export const onlyDefault = (given: Served[string]): Served => ({ [defaultProcessor]: given });

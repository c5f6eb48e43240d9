import { simulation } from "../../src/handlers/simulation.ts";
import { systemTime } from "../../src/time.ts";
import { type Behaviour, behaviours, handlerSuite } from "../conformance/handlers/suite.ts";

const others = (Object.keys(behaviours) as Behaviour[]).filter((behaviour) => behaviour !== "waits");

handlerSuite({
  name: "simulation",
  processor: async () => ({
    announcement: { name: "simulate", kind: "simulation", timeout_seconds: 60 },
    handler: simulation({ processingMs: 3_600_000, time: systemTime }),
    graceMs: 500,
  }),
  without: Object.fromEntries(
    others.map((behaviour) => [behaviour, "It waits, then returns a pong or fails."]),
  ),
  broken: {},
  died: {},
  isAtWork: () => true,
  close: async () => {},
});

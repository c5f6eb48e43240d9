import { join } from "node:path";
import { mainConformance } from "@sate/contracts/test/support/main.ts";

mainConformance(join(import.meta.dir, "../src/main.ts"), {
  SERVICE_TOKEN: "0123456789abcdef",
  RESULTS_MONGO_URL: "mongodb://user:hidden@127.0.0.1:1/results",
  KAFKA_BROKERS: "127.0.0.1:1",
});

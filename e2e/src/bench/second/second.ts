import { machineNs } from "../../runs/monotonic.ts";

/** Returns when it was started. */
export default { run: () => ({ startedNs: String(machineNs()) }) };

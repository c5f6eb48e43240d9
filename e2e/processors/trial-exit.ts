import { logged } from "../src/runs/logged.ts";

/** Ends its process, with an exit code of its own. */
export default logged(async () => process.exit(41));

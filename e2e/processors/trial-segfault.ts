import { read } from "bun:ffi";
import { logged } from "../src/runs/logged.ts";

/** Reads memory that it does not have, as a broken native library does. */
export default logged(async () => read.u8(8));

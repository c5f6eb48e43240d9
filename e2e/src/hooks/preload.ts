/** What tests load into a process of Sate before its program: `BUN_OPTIONS=--preload=<this file>`. */
import "./clock.ts";
import "./failpoint.ts";

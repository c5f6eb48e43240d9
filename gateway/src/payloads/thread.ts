import { createCheck } from "./check.ts";

/** The thread that checks payloads, one after the other. checker.ts starts and ends it. */
declare const self: Worker;

const check = createCheck();
self.onmessage = ({ data }) => self.postMessage(check(data));

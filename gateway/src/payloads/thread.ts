import { createCheck } from "./check.ts";

/** The thread that checks payloads: it answers each check in turn. checker.ts starts and ends it. */
declare const self: Worker;

const check = createCheck();
self.onmessage = ({ data }) => self.postMessage(check(data));

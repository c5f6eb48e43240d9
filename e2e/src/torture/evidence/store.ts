import type { TopicRecord } from "../../system/system.ts";
import type { Dump } from "./evidence.ts";

export type Ref = { request_id: string; attempt: number };

/** What a system has stored, read past its services. */
export type Store = {
  /** Why it is not at rest yet, in a sentence, or null: all final, nothing to publish, every result there, no lag. */
  restless(): Promise<string | null>;
  /** How many executions are queued or running. */
  active(): Promise<number>;
  /** Requests with more than one active execution. */
  twoActive(): Promise<string[]>;
  /** Which of these have no execution, or no result, in the database. */
  unknown(kind: "executions" | "results", refs: Ref[]): Promise<Ref[]>;
  dump(): Promise<Dump>;
  lag(): Promise<number>;
  publish(topic: string, records: TopicRecord[]): Promise<void>;
  close(): Promise<void>;
};

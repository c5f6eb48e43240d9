import type { Dump } from "./evidence.ts";
import type { Outgoing } from "./kafka.ts";

/** What a system has stored, read past its services. */
export type Store = {
  /** Why it is not at rest yet, in a sentence, or null: all final, nothing to publish, every result there, no lag. */
  restless(): Promise<string | null>;
  /** Requests with more than one active execution. */
  twoActive(): Promise<string[]>;
  dump(): Promise<Dump>;
  lag(): Promise<number>;
  publish(topic: string, records: Outgoing[]): Promise<void>;
  close(): Promise<void>;
};

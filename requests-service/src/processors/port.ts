import type { ProcessorAnnouncement } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";

/** A processor as it is stored: its newest announcement. */
export type KnownProcessor = {
  announcement: ProcessorAnnouncement;
  /** The size of the announcement as JSON. */
  bytes: number;
  announced_at: number;
  /** When it was withdrawn; absent from the next announcement on. */
  withdrawn_at?: number | undefined;
};

/** Changes when a processor is withdrawn again. */
export type Withdrawal = { name: string; withdrawn_at: number };

export type ProcessorStore = {
  /** Stores each as the newest announcement of its name, now by the store's clock, and ends its withdrawal. */
  announce(announced: Pick<KnownProcessor, "announcement" | "bytes">[]): Promise<void>;
  /** All of them, withdrawn ones too, by name; without their input schemas unless they are asked for. */
  list(options?: { withInputs: boolean }): Promise<KnownProcessor[]>;
  /** Those of these names that exist, by name and with their input schemas. */
  get(names: string[]): Promise<KnownProcessor[]>;
  /** Withdraws it, again if it is withdrawn. Returns the new `withdrawn_at`, or `null` if it is unknown. */
  withdraw(name: string): Promise<number | null>;
  /** Ends those of these withdrawals that are still the current ones, without a new announcement. */
  restore(withdrawals: Withdrawal[]): Promise<void>;
  /** Deletes the processors of those of these withdrawals that are still the current ones. */
  forget(withdrawals: Withdrawal[]): Promise<void>;
  /**
   * Up to `limit` queued executions of these processors, in any order; also of those that wait for their start or a retry.
   * Its cost does not depend on how many are queued for other processors.
   */
  queued(names: string[], limit: number): Promise<Execution[]>;
};

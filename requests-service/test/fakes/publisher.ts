import { type OutgoingRecord, Unavailable } from "@sate/contracts";
import type { Publisher } from "../../src/ports.ts";

/** A broker in memory. `mood` decides what happens to the next call; `records` is all that it took. */
export type FakePublisher = Publisher & {
  mood: "well" | "away" | "hangs" | "takes it and does not respond";
  /** Records that it never takes: a call with one of them fails as a whole. */
  refuses: (record: OutgoingRecord) => boolean;
  records: OutgoingRecord[];
  calls: number;
  /** Ends the calls that hang. */
  release(): void;
};

export function fakePublisher(): FakePublisher {
  let hanging: (() => void)[] = [];
  const answer = async (records: OutgoingRecord[]) => {
    fake.calls++;
    if (fake.mood === "hangs") await new Promise<void>((resolve) => hanging.push(resolve));
    if (fake.mood === "away" || records.some(fake.refuses)) throw new Unavailable("The broker is away.");
    fake.records.push(...records);
    if (fake.mood !== "well") throw new Unavailable("The broker did not answer.");
  };
  const fake: FakePublisher = {
    mood: "well",
    refuses: () => false,
    records: [],
    calls: 0,
    publish: answer,
    open: () => answer([]),
    ping: () => answer([]),
    close: async () => fake.release(),
    release() {
      if (fake.mood === "hangs") fake.mood = "well";
      for (const resolve of hanging) resolve();
      hanging = [];
    },
  };
  return fake;
}

import type { Publisher } from "@sate/contracts";
import { type OutgoingRecord, Unavailable } from "@sate/contracts";

/** A broker in memory. `mood` decides what happens to the next call; `records` is everything that it stored. */
export type FakePublisher = Publisher & {
  mood: "healthy" | "away" | "hangs" | "acknowledges nothing";
  /** Records that it never accepts: a call with one of them fails as a whole. */
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
    if (fake.mood !== "healthy") throw new Unavailable("The broker did not respond.");
  };
  const fake: FakePublisher = {
    mood: "healthy",
    refuses: () => false,
    records: [],
    calls: 0,
    publish: answer,
    open: () => answer([]),
    ping: () => answer([]),
    close: async () => fake.release(),
    release() {
      if (fake.mood === "hangs") fake.mood = "healthy";
      for (const resolve of hanging) resolve();
      hanging = [];
    },
  };
  return fake;
}

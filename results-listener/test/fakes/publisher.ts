import type { OutgoingRecord } from "@sate/contracts";
import { type Publisher, Unavailable } from "../../src/ports.ts";

export type FakePublisher = Publisher & {
  readonly published: OutgoingRecord[];
  readonly isClosed: boolean;
  isAway: boolean;
};

export function fakePublisher(): FakePublisher {
  const published: OutgoingRecord[] = [];
  let isClosed = false;
  const publisher: FakePublisher = {
    isAway: false,
    published,
    async publish(records) {
      answer();
      published.push(...records);
    },
    async open() {
      answer();
    },
    async ping() {
      answer();
    },
    async close() {
      isClosed = true;
    },
    get isClosed() {
      return isClosed;
    },
  };
  const answer = () => {
    if (publisher.isAway || isClosed) throw new Unavailable("The broker does not answer.");
  };
  return publisher;
}

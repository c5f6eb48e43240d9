import { type OutgoingRecord, Unavailable } from "@sate/contracts";
import type { Publisher } from "../../src/ports.ts";

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
      respond();
      published.push(...records);
    },
    async open() {
      respond();
    },
    async ping() {
      respond();
    },
    async close() {
      isClosed = true;
    },
    get isClosed() {
      return isClosed;
    },
  };
  const respond = () => {
    if (publisher.isAway || isClosed) throw new Unavailable("The broker does not respond.");
  };
  return publisher;
}

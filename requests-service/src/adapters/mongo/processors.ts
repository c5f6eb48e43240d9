import type { ProcessorStore, Withdrawal } from "../../processors/port.ts";
import { insertFree, type MongoAccess } from "./access.ts";
import { executionOf, knownProcessorOf, processorDocument, withoutOutputs } from "./documents.ts";

export function mongoProcessors(access: MongoAccess, now: () => number): ProcessorStore {
  const { processors, executions, guarded, each, changeEach } = access;
  return {
    announce: changeEach(async (announced) => {
      const announced_at = now();
      const documents = announced.map((one) => processorDocument({ ...one, announced_at }));
      for (;;) {
        const taken = await insertFree(processors, documents);
        const operations = documents
          .filter((_, index) => taken.has(index))
          // Every field is replaced, so none of the earlier announcement remains.
          .map((document) => ({ replaceOne: { filter: { _id: document._id }, replacement: document } }));
        if (operations.length === 0) return;
        const { matchedCount } = await processors.bulkWrite(operations, { ordered: false });
        if (matchedCount === operations.length) return;
        // One of them was forgotten in between: the next round inserts it.
      }
    }),
    list: guarded(async ({ withInputs } = { withInputs: false }) => {
      const found = processors.find({}, withInputs ? {} : { projection: { input: 0 } }).sort({ _id: 1 });
      return (await found.toArray()).map(knownProcessorOf);
    }),
    get: each(async (names) => {
      const found = processors.find({ _id: { $in: names } }).sort({ _id: 1 });
      return (await found.toArray()).map(knownProcessorOf);
    }),
    withdraw: guarded(async (name) => {
      const withdrawn_at = now();
      const { matchedCount } = await processors.updateOne({ _id: name }, { $set: { withdrawn_at } });
      return matchedCount > 0 ? withdrawn_at : null;
    }),
    restore: changeEach((withdrawals) =>
      processors.updateMany(anyOf(withdrawals), { $unset: { withdrawn_at: "" } }),
    ),
    forget: changeEach((withdrawals) => processors.deleteMany(anyOf(withdrawals))),
    queued: guarded(async (names, limit) => {
      const found = executions
        .find(
          { status: "queued", processor: { $in: names } },
          { projection: withoutOutputs, batchSize: limit + 1 },
        )
        .limit(limit);
      return (await found.toArray()).map(executionOf);
    }),
  };
}

function anyOf(withdrawals: Withdrawal[]) {
  return { $or: withdrawals.map(({ name, withdrawn_at }) => ({ _id: name, withdrawn_at })) };
}

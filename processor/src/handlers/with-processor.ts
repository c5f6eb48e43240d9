import type { Processor, Processors } from "../ports.ts";

/** These processors, and one of Sate's own, whose name no other can have. */
export function withProcessor(processors: Processors, own: Processor): Processors {
  const { name } = own.announcement;
  return {
    all: () => [...processors.all(), own],
    find: (wanted) => (wanted === name ? own : processors.find(wanted)),
    onChange: (then) => processors.onChange(then),
    close: () => processors.close(),
  };
}

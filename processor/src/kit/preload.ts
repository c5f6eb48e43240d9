import { plugin } from "bun";

/**
 * Makes `import … from "sate"` work in modules of any folder, without node_modules. Loaded when a module imports it.
 */
plugin({
  name: "sate",
  setup(build) {
    build.module("sate", async () => ({ exports: { ...(await import("./index.ts")) }, loader: "object" }));
  },
});

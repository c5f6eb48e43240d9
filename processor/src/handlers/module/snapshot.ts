import { readFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { basename, dirname, relative, resolve } from "node:path";
import { type BunPlugin, type Loader, plugin } from "bun";

// This runs in children, too, so it imports nothing that takes long to load.

/**
 * A module as it was loaded: its file and the files that it imports, except packages and files that are neither code
 * nor data, such as images.
 */
export type Snapshot = {
  /** SHA-256 of the code, without comments and formatting, and the data. */
  version: string;
  /** The path of the module, without symbolic links. */
  main: string;
  /** By their paths. */
  files: Record<string, SnapshotFile>;
};

type SnapshotFile = { text: string; loader: Loader; isCommonJs: boolean };

const bytesMax = 16 * 1024 * 1024;

const parsers: Partial<Record<Loader, (text: string) => unknown>> = {
  json: JSON.parse,
  jsonc: Bun.JSONC.parse,
  toml: Bun.TOML.parse,
  yaml: Bun.YAML.parse,
  text: (text) => text,
};
const isCode = (loader: Loader): boolean => ["js", "jsx", "ts", "tsx"].includes(loader);

/** Reads a module and the files that it imports. Throws an error with a sentence if they are too large. */
export async function takeSnapshot(path: string): Promise<Snapshot> {
  const files: Snapshot["files"] = {};
  let main: string | undefined;
  let bytes = 0;
  const collect: BunPlugin = {
    name: "snapshot",
    setup(build) {
      // Even if a `tsconfig.json`, which editors need, maps "sate" to a file.
      build.onResolve({ filter: /^sate$/ }, () => ({ path: "sate", external: true }));
      build.onLoad({ filter: /./, namespace: "file" }, async ({ path, loader }) => {
        main ??= path;
        if (!isCode(loader) && parsers[loader] === undefined) return undefined;
        bytes += Bun.file(path).size;
        if (bytes > bytesMax) throw new Error("The module is too large.");
        const text = await Bun.file(path).text();
        files[path] = { text, loader, isCommonJs: isCode(loader) && isCommonJs(path, text, loader) };
        return { contents: text, loader };
      });
    },
  };
  const built = await Bun.build({
    entrypoints: [path],
    target: "bun",
    packages: "external",
    plugins: [collect],
    minify: true,
    throw: false,
  }).catch(() => null);
  if (bytes > bytesMax)
    throw new Error(`it and the files that it imports must have at most ${bytesMax} bytes.`);
  const [bundle] = built?.success ? built.outputs : [];
  return {
    version: sha256((await bundle?.text()) ?? textOf(files, dirname(path))),
    main: main ?? path,
    files,
  };
}

/**
 * Makes this process import the files of the snapshot, even if they have been changed or deleted since. CommonJS can
 * only be read from its file, so this throws an error with a sentence if such a file has changed. `query` is the query
 * of the import of the module itself.
 */
export function serveSnapshot({ main, files }: Snapshot, query = ""): void {
  const held = new Map<string, SnapshotFile>();
  for (const [path, file] of Object.entries(files)) {
    if (!file.isCommonJs) held.set(path === main ? path + query : path, file);
    else if (read(path) !== file.text)
      throw new Error(`${basename(path)} is CommonJS, and has changed since the processor was loaded.`);
    if (file.loader === "json") cacheForRequire(path, file.text);
  }
  plugin({
    name: "snapshot",
    setup(build) {
      build.onResolve({ filter: /^\.{0,2}\// }, ({ path, importer }) => {
        const found = resolve(dirname(importer), path);
        return held.has(found) ? { path: found } : undefined;
      });
      const paths = [...held.keys()].map((path) => path.replaceAll(/[^\w/]/g, "\\$&"));
      build.onLoad({ filter: new RegExp(`^(?:${paths.join("|")})$`) }, ({ path }) => {
        const { text, loader } = held.get(path) as SnapshotFile;
        const parse = parsers[loader];
        return parse === undefined
          ? { contents: text, loader }
          : { exports: exportsOf(parse(text)), loader: "object" };
      });
    },
  });
}

function exportsOf(value: unknown): Record<string, unknown> {
  return { ...(typeof value === "object" ? value : {}), default: value };
}

/** `require` of data must return the data itself, unlike `import`. */
function cacheForRequire(path: string, text: string): void {
  try {
    const module = Object.assign(new Module(path), {
      exports: JSON.parse(text),
      filename: path,
      loaded: true,
    });
    createRequire(import.meta.path).cache[path] = module;
  } catch {} // the import throws the error
}

function isCommonJs(path: string, text: string, loader: Loader): boolean {
  if (/\.c[jt]s$/.test(path)) return true;
  if (/\.m[jt]s$/.test(path) || !/\b(exports|module)\b/.test(text)) return false;
  try {
    const { imports, exports } = new Bun.Transpiler({ loader: loader as "ts" }).scan(text);
    return exports.length === 0 && !imports.some(({ kind }) => kind === "import-statement");
  } catch {
    return false; // the import throws the error
  }
}

function textOf(files: Snapshot["files"], folder: string): string {
  const parts = Object.entries(files).map(([path, { text }]) => `${relative(folder, path)}\0${text}`);
  return parts.toSorted().join("\0");
}

const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type FileLock, tryFileLock } from "./file-lock.ts";

/** `classpath` has the servers and our main classes. `Progress` gets a sentence for a person. */
export type Java =
  | { kind: "installed"; java: string; classpath: string }
  | { kind: "unavailable"; reason: string };
export type Progress = (sentence: string) => void;

const sources = join(import.meta.dir, "../java");
const files = [
  "pom.xml",
  "EndWithInput.java",
  "KafkaBroker.java",
  "DocumentType.java",
  "DurableBackend.java",
  "KeyType.java",
  "KeyedCollection.java",
  "MongoServers.java",
];
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const installMs = 10 * 60_000;

/**
 * Apache Kafka and mongo-java-server, fetched by Maven and compiled once into a folder of `cacheDir` that is named
 * after its sources. The folder appears whole or not at all; of processes that start together one does the work and
 * the others wait for it.
 */
export async function installJava(cacheDir: string, progress: Progress): Promise<Java> {
  const [java, javac, mvn] = [Bun.which("java"), Bun.which("javac"), Bun.which("mvn")];
  if (!java || !javac)
    return { kind: "unavailable", reason: "Java is not here (a JDK of version 17 or newer)" };

  const folder = join(cacheDir, `servers-${await fingerprint()}`);
  const installed: Java = {
    kind: "installed",
    java,
    classpath: [join(folder, "classes"), join(folder, "libs", "*")].join(
      process.platform === "win32" ? ";" : ":",
    ),
  };
  if (existsSync(folder)) return installed;
  if (!mvn) return { kind: "unavailable", reason: "Java is here, but Maven (mvn) is not" };

  await mkdir(cacheDir, { recursive: true });
  const lock = await lockOf(folder, progress);
  try {
    if (existsSync(folder)) return installed;
    if (!lock)
      return { kind: "unavailable", reason: "another process did not finish fetching the servers in time" };
    progress("Fetching Apache Kafka and mongo-java-server with Maven (48 MB, only this time).");
    const problem = await install(folder, { javac, mvn });
    return problem ? { kind: "unavailable", reason: problem } : installed;
  } finally {
    lock?.release();
  }
}

/** Answers also when another process finished the work meanwhile; `undefined` when it takes too long. */
async function lockOf(folder: string, progress: Progress): Promise<FileLock | undefined> {
  const end = performance.now() + installMs;
  for (let tries = 0; performance.now() < end; tries++) {
    const lock = tryFileLock(`${folder}.lock`);
    if (lock) return lock;
    if (tries === 0)
      progress("Another process is fetching Apache Kafka and mongo-java-server; waiting for it.");
    await Bun.sleep(200);
  }
  return undefined;
}

async function install(
  folder: string,
  { javac, mvn }: { javac: string; mvn: string },
): Promise<string | undefined> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const libs = join(unfinished, "libs");
  const fetched = await run([
    mvn,
    "-B",
    "-q",
    "-f",
    join(sources, "pom.xml"),
    copyDependencies,
    `-DoutputDirectory=${libs}`,
  ]);
  if (fetched !== undefined) return `Maven could not fetch the servers: ${fetched}`;
  const mains = files.filter((file) => file.endsWith(".java")).map((file) => join(sources, file));
  const compiled = await run([
    javac,
    // The sources are UTF-8, whatever the locale of whoever starts it.
    "-encoding",
    "UTF-8",
    "--release",
    "17",
    "-d",
    join(unfinished, "classes"),
    "-cp",
    join(libs, "*"),
    ...mains,
  ]);
  if (compiled !== undefined) return `Java could not compile the servers: ${compiled}`;
  await rename(unfinished, folder);
  return undefined;
}

/** What went wrong, in one line, or `undefined`. The command ends with this process. */
async function run(command: string[]): Promise<string | undefined> {
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: installMs,
    killSignal: "SIGKILL",
  });
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  process.off("exit", end);
  if (child.exitCode === 0) return undefined;
  const lines = `${out}\n${err}`.trim().split("\n");
  const said = lines.find((line) => /error/i.test(line));
  return (said ?? `${command[0]} ended with ${child.signalCode ?? child.exitCode}`).slice(0, 300);
}

async function fingerprint(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const file of files) hash.update(await Bun.file(join(sources, file)).text());
  return hash.digest("hex").slice(0, 12);
}

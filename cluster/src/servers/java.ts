import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { until } from "../supervise/deadline.ts";
import { tryFileLock } from "../supervise/file-lock.ts";
import { run } from "../supervise/run.ts";

/** `classpath` has the servers and our main classes. */
export type Installed = { java: string; classpath: string };
export type Java = ({ kind: "installed" } & Installed) | { kind: "unavailable"; reason: string };

const sources = join(import.meta.dir, "../../java");
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const installMs = 10 * 60_000;
const unavailable = (reason: string): Java => ({ kind: "unavailable", reason });

/**
 * In a locale without UTF-8, such as `LANG=C`, Java cannot open a path that is not ASCII: neither a data folder nor
 * the folder of this repository.
 */
export const javaEnvironment = { ...process.env, LC_ALL: "C.UTF-8" };

/**
 * Apache Kafka and mongo-java-server, fetched by Maven and compiled once into a folder of `cacheDir` that is named
 * after its sources. The folder appears complete or not at all; of processes that start together one does the work and
 * the others wait for it. `progress` receives sentences for people.
 */
export async function installJava(
  progress: (sentence: string) => void,
  cacheDir = join(import.meta.dir, "../../../.cache"),
): Promise<Java> {
  const [java, javac, mvn] = ["java", "javac", "mvn"].map((command) => Bun.which(command));
  if (!java || !javac) return unavailable("Java is not installed (a JDK of version 17 or newer)");
  const files = readdirSync(sources).sort();
  const hash = new Bun.CryptoHasher("sha256");
  for (const file of files) hash.update(readFileSync(join(sources, file)));
  const folder = join(cacheDir, `servers-${hash.digest("hex").slice(0, 12)}`);
  const classpath = [join(folder, "classes"), join(folder, "libs", "*")].join(delimiter);
  if (existsSync(folder)) return { kind: "installed", java, classpath };
  if (!mvn) return unavailable("Java is installed, but Maven (mvn) is not");

  await mkdir(cacheDir, { recursive: true });
  let unlock = tryFileLock(`${folder}.lock`);
  if (!unlock) {
    progress("Another process is fetching Apache Kafka and mongo-java-server; waiting for it.");
    const tryAgain = () => {
      unlock = tryFileLock(`${folder}.lock`);
      return unlock !== undefined;
    };
    if (!(await until(tryAgain, installMs, 200)))
      return unavailable("another process did not finish fetching the servers in time");
  }
  try {
    if (!existsSync(folder)) {
      progress("Fetching Apache Kafka and mongo-java-server with Maven (48 MB, only this time).");
      await install(folder, javac, mvn);
    }
    return { kind: "installed", java, classpath };
  } catch (error) {
    return unavailable((error as Error).message);
  } finally {
    unlock?.();
  }
}

async function install(folder: string, javac: string, mvn: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const libs = join(unfinished, "libs");
  const env = javaEnvironment;
  const pom = join(sources, "pom.xml");
  await run([mvn, "-B", "-q", "-f", pom, copyDependencies, `-DoutputDirectory=${libs}`], { env });
  const options = ["-encoding", "UTF-8", "--release", "17", "-cp", join(libs, "*")];
  const classes = readdirSync(sources).filter((file) => file.endsWith(".java"));
  const files = classes.map((file) => join(sources, file));
  await run([javac, ...options, "-d", join(unfinished, "classes"), ...files], { env });
  await rename(unfinished, folder);
}

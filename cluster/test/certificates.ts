import { join } from "node:path";

export type Certificate = { cert: string; key: string; both: string };

/** PEM files made by openssl in `folder`: an authority, and certificates that it signs. Each lives for a day. */
export function authority(folder: string, name: string) {
  const at = (file: string) => join(folder, `${name}-${file}`);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-days",
    "1",
    "-subj",
    `/CN=${name}`,
  );
  return {
    file: at("ca.pem"),
    /** A certificate for servers and clients. `names` as openssl writes them: `IP:127.0.0.1`, `DNS:example.org`. */
    async issue(owner: string, names: string): Promise<Certificate> {
      const [key, request, cert, both] = ["key", "csr", "pem", "both.pem"].map((end) =>
        at(`${owner}.${end}`),
      ) as [string, string, string, string];
      const extensions = at(`${owner}.ext`);
      await Bun.write(extensions, `subjectAltName=${names}\n`);
      openssl("req", ...curve, "-keyout", key, "-out", request, "-subj", `/CN=${owner}`);
      const by = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"];
      openssl("x509", "-req", "-in", request, ...by, "-out", cert, "-days", "1", "-extfile", extensions);
      const pem = await Promise.all([key, cert, at("ca.pem")].map((file) => Bun.file(file).text()));
      await Bun.write(both, pem.join("\n"));
      return { cert, key, both };
    },
  };
}

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

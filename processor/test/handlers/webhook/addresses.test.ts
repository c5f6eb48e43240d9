import { describe, expect, test } from "bun:test";
import { addressPolicy, isPublic, webhookProblems } from "../../../src/handlers/webhook/addresses.ts";

describe("an address is public", () => {
  test.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "2606:4700::1111",
    "2001:4860:4860::8888",
    "3ffe:ffff::1",
  ])("%s", (address) => expect(isPublic(address)).toBe(true));
});

describe("an address is not public: special ranges at both ends, IPv6 that carries IPv4, and what is no address", () => {
  test.each([
    ...["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255"],
    ...["127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255"],
    ...["192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0"],
    ...["198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"],
    ...["255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::7f00:1"],
    ...["64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:1::1", "2001:db8::1", "2002:7f00:1::"],
    ...["3fff::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1"],
    ...["", "localhost", "127.1", "2130706433", "0x7f.1", "1.1.1.1/32", "::ffff:0:127.0.0.1"],
  ])("%s", (address) => expect(isPublic(address)).toBe(false));
});

describe("the policy", () => {
  const { allows } = addressPolicy("10.1.0.0/16, fd00::/8,192.168.7.7,Receiver.Internal");
  const https = (host: string, address = host) => allows({ protocol: "https:", host, address });
  const http = (host: string, address = host) => allows({ protocol: "http:", host, address });

  test("a public address may be called over https only", () => {
    expect([https("example.com", "1.1.1.1"), http("example.com", "1.1.1.1")]).toEqual([true, false]);
    expect(https("example.com", "10.2.0.1")).toBe(false);
  });

  test("what is allowed by its address or network may be called over http, too, and nothing beside it", () => {
    for (const address of ["10.1.0.0", "10.1.255.255", "fd12::1", "192.168.7.7"]) {
      expect([https(address), http("a.example", address)]).toEqual([true, true]);
    }
    for (const address of ["10.0.255.255", "10.2.0.0", "fc00::1", "192.168.7.8", "127.0.0.1"]) {
      expect([https(address), http(address)]).toEqual([false, false]);
    }
  });

  test("a name is allowed whatever it resolves to, in any case, and none that only resembles it", () => {
    expect(http("receiver.internal", "127.0.0.1")).toBe(true);
    expect(http("RECEIVER.internal.", "10.9.9.9")).toBe(true);
    for (const host of ["a.receiver.internal", "receiver.internal.example", "eceiver.internal"]) {
      expect(https(host, "127.0.0.1")).toBe(false);
    }
  });

  test("an empty list allows nothing more", () => {
    const policy = addressPolicy("");
    expect(policy.allows({ protocol: "http:", host: "1.1.1.1", address: "1.1.1.1" })).toBe(false);
    expect(policy.allows({ protocol: "https:", host: "", address: "127.0.0.1" })).toBe(false);
  });
});

test("an entry of WEBHOOK_ALLOW that is neither a name nor an address nor a network is refused, without its value", () => {
  for (const list of ["", "10.0.0.0/8", "::1", "a-b.example", "a,b , 1.2.3.4/32", "localhost", "::/0"]) {
    expect({ list, problems: webhookProblems({ WEBHOOK_ALLOW: list }) }).toEqual({ list, problems: [] });
  }
  for (const list of [
    "10.0.0.0/33",
    "10.0.0/8",
    "::1/129",
    "a/8",
    "http://a",
    "a:80",
    "10.0.0.0/8/8",
    "*.example",
    "1.2.3",
    "10.0.0.0/",
    "[::1]",
  ]) {
    const [problem = "", ...others] = webhookProblems({ WEBHOOK_ALLOW: list });
    expect({ list, others }).toEqual({ list, others: [] });
    expect(problem).toStartWith("WEBHOOK_ALLOW must be a list of host names, addresses and networks");
  }
});

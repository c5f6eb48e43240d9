import { Type } from "@sinclair/typebox";

/** Which requests the public API serves. */
export const accessSettings = {
  API_KEYS: Type.String({ default: "", description: "a list of API keys, as `bun run key` prints them" }),
  API_KEYS_FILE: Type.String({ default: "", description: "a file of API keys, one a line" }),
  ALLOW_ANONYMOUS: Type.Union([Type.Literal("0"), Type.Literal("1")], {
    default: "0",
    description: "1 to give every client that can reach HOST full access, or 0",
  }),
  PUBLIC_URL: Type.String({
    default: "",
    pattern: "^(https?://[^/?#@\\s]+(/[^?#\\s]*)?)?$",
    description: "the address under which clients reach the API, http(s)://host[:port][/prefix]",
  }),
  ALLOWED_HOSTS: Type.String({
    default: "",
    pattern: "^([^,/?#@\\s]+(,[^,/?#@\\s]+)*)?$",
    description: "names and addresses without ports, separated by commas, that are served without API keys",
  }),
};

/** What orchestrators ask, exactly. */
const open = /^(https?:\/\/[^/?#]*)?\/(live|ready)$/;

/**
 * Whether a request may come without the service token, judged by the whole of its address. Its path alone does
 * not say where the router takes it: that looks for the path behind the eleventh character, and so finds another
 * one in the query where the client has given itself a short Host. Never throws, whatever the Host is.
 */
export function isOpenAddress(url: string): boolean {
  return open.test(url);
}

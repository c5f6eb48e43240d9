import { connect } from "node:net";

export type RawAnswer = { status: number; headers: Headers; body: string; text: string };

/**
 * Sends bytes as they are, each piece after the response to the previous one, and reads until the server closes the
 * connection or has been silent for a moment after an answer. With `ends: false` only the server closes the connection.
 */
export function rawly(
  port: number,
  pieces: string[],
  { deadlineMs = 5_000, ends = true }: { deadlineMs?: number; ends?: boolean } = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = "";
    let next = 0;
    let quiet: ReturnType<typeof setTimeout> | undefined;
    const socket = connect(port, "127.0.0.1");
    const end = setTimeout(() => socket.destroy(), deadlineMs);
    const send = () => {
      const piece = pieces[next++];
      if (piece === undefined && ends) socket.end();
      else if (piece !== undefined && piece !== "") socket.write(piece);
    };
    socket.on("connect", send);
    socket.on("data", (data) => {
      text += data;
      clearTimeout(quiet);
      quiet = setTimeout(send, 100);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const timer of [end, quiet]) clearTimeout(timer);
      resolve(parsed(text));
    });
  });
}

function parsed(text: string): RawAnswer {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Headers(lines.map((line) => line.split(": ", 2) as [string, string]));
  return { status: Number(statusLine.split(" ")[1]), headers, body: rest.join("\r\n\r\n"), text };
}

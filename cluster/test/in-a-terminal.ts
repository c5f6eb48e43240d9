/** Runs a command in a terminal of its own, which closes when this process is gone. */
const child = Bun.spawn(Bun.argv.slice(2), {
  terminal: {
    cols: 200,
    rows: 50,
    data: (_terminal, data) => void process.stdout.write(data.toString().replaceAll("\r\n", "\n")),
  },
});

export {};

process.exit(await child.exited);

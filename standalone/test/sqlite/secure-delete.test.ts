import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataFolders } from "../data-folders.ts";
import { opened } from "./opened.ts";

const newFolder = dataFolders();

const changes = {
  "replaced by a shorter text": "UPDATE texts SET text = '' WHERE id % 2 = 1",
  deleted: "DELETE FROM texts WHERE id % 2 = 1",
};

test.each(Object.entries(changes))(
  "what was %s is in no file of the folder after a clean stop",
  async (_, change) => {
    const folder = newFolder();
    const file = opened(folder);
    const { db } = file;
    await file.write(() => db.run("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"));
    // Within a page, and over pages of their own.
    for (const length of [50, 20_000]) {
      for (let index = 0; index < 20; index++) {
        const secret = `${index % 2 ? "kept" : "secret"} ${"x".repeat(length)}`;
        await file.write(() => db.run("INSERT INTO texts (text) VALUES (?)", [secret]));
      }
    }
    const count = (word: string) =>
      readdirSync(folder)
        .map((name) => readFileSync(join(folder, name), "latin1").split(`${word} x`).length - 1)
        .reduce((sum, one) => sum + one, 0);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    expect([count("secret"), count("kept")]).toEqual([20, 20]);
    await file.write(() => db.run(change));
    file.close();
    expect([count("secret"), count("kept")]).toEqual([0, 20]);
  },
);

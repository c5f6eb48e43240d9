/** What keeps the data folder or its file from being used, for people. */
export type ErrorText = {
  what: string;
  todo: string;
  /** A code of sysexits.h: EX_CANTCREAT where the folder is at fault, EX_CONFIG where its content is. */
  exitCode: 73 | 78;
};

const choose = "or choose another folder with DATA_DIR";

const errorTexts: [codes: RegExp, text: ErrorText][] = [
  [
    /^(ENOSPC|EDQUOT|SQLITE_FULL)$/,
    { what: "the disk is full", todo: `free some space, ${choose}`, exitCode: 73 },
  ],
  [
    /^(EACCES|EPERM|EROFS|SQLITE_(READONLY|PERM|AUTH|CANTOPEN).*)$/,
    {
      what: "it cannot be written by this user",
      todo: `give the user read and write access to the folder and its files, ${choose}`,
      exitCode: 73,
    },
  ],
  [
    /^(EEXIST|ENOTDIR|EISDIR)$/,
    {
      what: "a file is where a folder must be, or the other way round",
      todo: `move it away, ${choose}`,
      exitCode: 73,
    },
  ],
  [
    /^(ENOENT|ELOOP|ENAMETOOLONG)$/,
    { what: "no folder can be made there", todo: `correct the path, ${choose}`, exitCode: 73 },
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB).*$/,
    { what: "the file is damaged", todo: `restore a copy of the folder, ${choose}`, exitCode: 78 },
  ],
  [
    /^(EIO|EFBIG|EMFILE|ENFILE|SQLITE_IOERR.*)$/,
    { what: "the disk reports an error", todo: `check the disk, ${choose}`, exitCode: 73 },
  ],
];

/** Of an error of the file system or of SQLite. Its code and path are named: they are what can be searched for. */
export function describeError(error: unknown): ErrorText {
  const { code, path, message } = error as Error & { code?: string; path?: string };
  const known = errorTexts.find(([codes]) => codes.test(code ?? ""))?.[1];
  const found = known ?? { what: "an unexpected error", todo: `see what is in it, ${choose}`, exitCode: 78 };
  return { ...found, what: `${found.what} (${[code ?? message, ...(path ? [path] : [])].join(", ")})` };
}

/** Whether the file is at fault, and not the one statement that met it. */
export function isFileError(error: unknown): boolean {
  const { code = "" } = error as Error & { code?: string };
  return errorTexts.some(([codes]) => codes.test(code));
}

/** Why the data folder or its file cannot be used, in words for people. */
export type ErrorText = {
  what: string;
  todo: string;
  /** A code of sysexits.h: EX_CANTCREAT where the folder is at fault, EX_CONFIG where its content is. */
  exitCode: 73 | 78;
};

const damaged = /^SQLITE_(CORRUPT|NOTADB)/;
const errorTexts: [codes: RegExp, what: string, todo: string][] = [
  [/^(ENOSPC|EDQUOT|SQLITE_FULL)$/, "the disk is full", "free some space"],
  [
    /^(EACCES|EPERM|EROFS|SQLITE_(READONLY|PERM|AUTH|CANTOPEN).*)$/,
    "it cannot be written by this user",
    "give the user read and write access to the folder and its files",
  ],
  [/^(EEXIST|ENOTDIR)$/, "a file is where a folder must be", "move it away"],
  [/^(ERR_FS_)?EISDIR$/, "a folder is where a file must be", "move it away"],
  [/^(ENOENT|ELOOP|ENAMETOOLONG)$/, "no folder can be made there", "correct the path"],
  [damaged, "the file is damaged", "restore a copy of the folder"],
  [/^(EIO|EFBIG|EMFILE|ENFILE|SQLITE_IOERR.*)$/, "the disk reports an error", "check the disk"],
];

type Coded = Error & { code?: string; path?: string };

/** Describes an error of the file system or of SQLite, with its code and path, which can be searched for. */
export function describeError(error: unknown): ErrorText {
  const { code = "", path, message } = error as Coded;
  const known = errorTexts.find(([codes]) => codes.test(code));
  const [, what, todo] = known ?? [null, "an unexpected error", "see what is in it"];
  return {
    what: `${what} (${[code || message, ...(path ? [path] : [])].join(", ")})`,
    todo: `${todo}, or choose another folder with DATA_DIR`,
    exitCode: known && !damaged.test(code) ? 73 : 78,
  };
}

/** Whether the file itself is at fault, and not only one statement. */
export function isFileError(error: unknown): boolean {
  const { code = "" } = error as Coded;
  return errorTexts.some(([codes]) => codes.test(code));
}

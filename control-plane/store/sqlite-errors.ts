import { OutriggerError } from '../core/errors.ts';

/** What is lost with the state, and what is not; the same words for every file that cannot be used. */
export function wayOut(path: string): string {
  return (
    `Nothing was written to it. Look at it with the version of outrigger that wrote it, restore a copy, or move it aside ` +
    `(mv ${path} ${path}.aside; a ${path}-wal beside it goes along) and start again. Running containers are left alone, ` +
    `but with the file goes what Outrigger knew of them: services have to be applied again, and the containers of before ` +
    `are found by their label dev.outrigger.instance and removed by hand.`
  );
}

export function stateCorrupt(path: string, what: string, cause?: unknown): OutriggerError {
  return new OutriggerError('state_corrupt', `cannot use the state file ${path}: ${what}`, {
    next: wayOut(path),
    details: { path },
    cause,
  });
}

/** Whatever SQLite or the file system threw, as the one OutriggerError that says what to do about it. */
export function translate(thrown: unknown, path: string, doing: string): OutriggerError {
  if (thrown instanceof OutriggerError) return thrown;
  const error = thrown as { code?: string; errcode?: number; message?: string };
  const words = `${doing} ${path}: ${error.message ?? String(thrown)}`;
  const as = (code: OutriggerError['code'], next: string) =>
    new OutriggerError(code, words, { next, details: { path }, cause: thrown });
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return as('denied', DENIED);
    case 'ENOSPC':
    case 'EDQUOT':
      return as('out_of_resources', FULL);
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return as('invalid_argument', 'Choose another state folder with --state or OUTRIGGER_STATE.');
    default:
  }
  if (error.code !== 'ERR_SQLITE_ERROR' || error.errcode === undefined) {
    return as('internal', 'This is a defect of Outrigger; please report it with this message.');
  }
  if (error.errcode === SQLITE_IOERR_LOCK) {
    return as('unsupported', 'Its file system has no file locks; keep the state on a local one (--state).');
  }
  // The low byte is the primary result code; the rest refines it.
  switch (error.errcode & 0xff) {
    case 3: // SQLITE_PERM
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
      return as('denied', DENIED);
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return as('conflict', 'Another process uses it. Stop that one, or choose another state folder with --state.');
    case 7: // SQLITE_NOMEM
      return as('out_of_resources', 'Give the process more memory.');
    case 13: // SQLITE_FULL
      return as('out_of_resources', FULL);
    case 10: // SQLITE_IOERR
      return as('unavailable', 'The disk failed to read or write it; look at the kernel log (dmesg).');
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return stateCorrupt(path, error.message ?? 'it is damaged', thrown);
    default:
      return as('internal', 'This is a defect of Outrigger; please report it with this message.');
  }
}

const SQLITE_IOERR_LOCK = 3_850;
const DENIED = 'Make the file and its folder writable for this user, or choose another state folder with --state.';
const FULL = 'Free some space on that disk; nothing was changed, and running containers are left alone.';

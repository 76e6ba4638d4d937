import { copyFileSync, fstatSync, ftruncateSync, statSync } from 'node:fs';
import { type DestinationStream, pino } from 'pino';

/** With the one before it, the log takes twice as much. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;
const MOST_UNWRITTEN_BYTES = 64 * 1024;

/**
 * Where a control plane writes its log: an open file, standard output by default. Where that is `file`, what it holds
 * is moved to `file.1` once it is too long; whatever else it leads to is not ours to bound. A disk that is full of logs,
 * or a reader that is gone, is no reason to end: what cannot be written is dropped.
 */
export function openBoundedLog(file: string, { fd = 1, maxBytes = MAX_LOG_BYTES } = {}): DestinationStream {
  const destination = pino.destination({ dest: fd, sync: true, maxLength: MOST_UNWRITTEN_BYTES });
  destination.on('error', () => {});
  if (!isSameFile(fd, file)) return destination;
  let sizeBytes = fstatSync(fd).size;
  destination.on('write', (writtenBytes: number) => {
    sizeBytes += writtenBytes;
    if (sizeBytes <= maxBytes) return;
    try {
      // Copied and emptied rather than renamed: standard error leads to the same open file, and is opened to append.
      copyFileSync(file, `${file}.1`);
      ftruncateSync(fd);
    } catch {
      // Without room for a copy the log goes on where it is, and this is tried again as much later.
    }
    sizeBytes = 0;
  });
  return destination;
}

function isSameFile(fd: number, file: string): boolean {
  const named = statSync(file, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

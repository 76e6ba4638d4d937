import type { KeyPath, Problem } from './problem.ts';

/** A broken file of thousands of services must not become thousands of lines on a terminal. */
const MAX_FINDINGS = 200;

/** Collects what is wrong (errors) and what is deliberately not done (warnings) while a file is compiled. */
export class Findings {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];

  error(keyPath: KeyPath, message: string, suggestion?: string): void {
    add(this.errors, keyPath, message, suggestion);
  }

  warn(keyPath: KeyPath, message: string, suggestion?: string): void {
    add(this.warnings, keyPath, message, suggestion);
  }
}

function add(list: Problem[], keyPath: KeyPath, message: string, suggestion: string | undefined): void {
  // A network or volume is read once for each service that uses it, and complains once.
  const same = (other: Problem) => other.message === message && other.keyPath.join('\0') === keyPath.join('\0');
  if (list.some(same)) return;
  if (list.length === MAX_FINDINGS) {
    list.push({ keyPath: [], message: `there are more like these; only the first ${MAX_FINDINGS} are shown` });
  }
  if (list.length > MAX_FINDINGS) return;
  list.push(suggestion === undefined ? { keyPath, message } : { keyPath, message, suggestion });
}

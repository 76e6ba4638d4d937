import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The package's version; package.json is two folders up in dist/ and one up in the source tree. */
export const version: string = readVersion();

function readVersion(): string {
  for (const folder of ['..', '../..']) {
    try {
      const text = readFileSync(path.join(import.meta.dirname, folder, 'package.json'), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // Not here: the other layout.
    }
  }
  return 'unknown';
}

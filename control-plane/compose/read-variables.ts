import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isMapping } from '../written-files/is-mapping.ts';
import { parseCanonical } from './canonical.ts';
import { type ComposeOptions, runConfig } from './read.ts';

/**
 * The values of environment variables as Compose sees them, `.env` files included: Compose itself is asked to
 * interpolate a small file beside the given ones. A variable that is not set is undefined.
 * @param files the files of the project, found beforehand where the user named none
 */
export async function readVariables(
  names: readonly string[],
  options: ComposeOptions & { files: readonly string[] },
  signal: AbortSignal,
): Promise<Map<string, string | undefined>> {
  const values = new Map(names.map(name => [name, options.environment[name]]));
  const asked = names.filter(name => values.get(name) === undefined && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (asked.length === 0 || options.files.length === 0) return values;
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-variables-'));
  try {
    const file = path.join(folder, 'variables.yaml');
    const members = asked.map(name => `  ${name}: {set: "\${${name}+set}", value: "\${${name}-}"}\n`);
    await writeFile(file, `x-outrigger-variables:\n${members.join('')}`);
    const { exitCode, stdout } = await runConfig({ ...options, files: [...options.files, file] }, [], signal);
    const answers = exitCode === 0 ? parseCanonical(stdout)['x-outrigger-variables'] : undefined;
    for (const name of asked) {
      const answer = isMapping(answers) ? answers[name] : undefined;
      if (isMapping(answer) && answer['set'] === 'set') values.set(name, String(answer['value'] ?? ''));
    }
    return values;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isMap, isSeq } from 'yaml';
import { OutriggerError } from '../core/errors.ts';
import { MAX_FILE_BYTES, parseSource, type SourceFile } from '../written-files/source-file.ts';
import { child, scalarText } from '../written-files/yaml-step.ts';
import { tooDeep } from './canonical.ts';
import { MAX_FILES, Sources } from './sources.ts';

/**
 * Reads and parses the files, and those they include or extend, as far as they are local and can be read. Files that
 * are missing are left to Compose to complain about.
 * @throws OutriggerError `invalid_argument` for a file that is too large, too deep, or explodes through its aliases
 */
export async function loadSources(
  files: readonly string[],
  options: { stdin?: string | undefined; signal: AbortSignal },
): Promise<Sources> {
  const main: SourceFile[] = [];
  for (const file of files) {
    const source = await loadSource(file, options);
    if (source) main.push(source);
  }
  const others = new Map<string, SourceFile>();
  const waiting = main.flatMap(references);
  for (
    let file = waiting.shift();
    file !== undefined && others.size + main.length < MAX_FILES;
    file = waiting.shift()
  ) {
    if (others.has(file) || main.some(source => source.file === file)) continue;
    const source = await loadSource(file, options);
    if (!source) continue;
    others.set(file, source);
    waiting.push(...references(source));
  }
  return new Sources(main, others);
}

async function loadSource(
  file: string,
  options: { stdin?: string | undefined; signal: AbortSignal },
): Promise<SourceFile | undefined> {
  let text = options.stdin ?? '';
  if (file !== '-') {
    try {
      const { size } = await stat(file);
      if (size > MAX_FILE_BYTES) throw tooLarge(file, size);
      text = await readFile(file, { encoding: 'utf8', signal: options.signal });
    } catch (thrown) {
      options.signal.throwIfAborted();
      if (thrown instanceof OutriggerError) throw thrown;
      return undefined;
    }
  } else if (text.length > MAX_FILE_BYTES) throw tooLarge(file, text.length);
  const source = parseSource(file, text);
  switch (source.excess) {
    case 'depth':
      throw tooDeep(file);
    case 'aliases':
      throw new OutriggerError('invalid_argument', `${file}: its aliases stand for more than 100000 values`, {
        next: 'Anchors that refer to anchors multiply; write the values where they are used.',
      });
    case undefined:
      return source;
    default:
      return source.excess satisfies never;
  }
}

function tooLarge(file: string, sizeBytes: number): OutriggerError {
  const found = (sizeBytes / 1024 / 1024).toFixed(1);
  return new OutriggerError('invalid_argument', `${file} has ${found} MiB; expected a service file of at most 1 MiB`, {
    next: 'Move large contents into files of their own (configs, env_file), or split the project.',
  });
}

/** The local files that a file includes or extends, relative to itself. */
function references(source: SourceFile): string[] {
  const found: string[] = [];
  for (const root of source.roots) {
    const include = child(source, root, 'include')?.value;
    for (const item of isSeq(include) ? include.items : []) {
      const node = isMap(item) ? child(source, item, 'path')?.value : item;
      for (const entry of isSeq(node) ? node.items : [node]) found.push(scalarText(entry) ?? '');
    }
    const services = child(source, root, 'services')?.value;
    for (const pair of isMap(services) ? services.items : []) {
      const file = child(source, child(source, pair.value, 'extends')?.value, 'file')?.value;
      found.push(scalarText(file) ?? '');
    }
  }
  return found
    .filter(file => file !== '' && !file.includes('$') && !/^[a-z+]+:\/\//.test(file))
    .map(file => path.resolve(path.dirname(source.file), file));
}

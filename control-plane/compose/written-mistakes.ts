import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import { Findings } from '../written-files/findings.ts';
import type { KeyPath, Located } from '../written-files/problem.ts';
import type { SourceFile } from '../written-files/source-file.ts';
import { readXOutrigger } from './read-x-outrigger.ts';
import type { Sources } from './sources.ts';

/**
 * What is wrong under `x-outrigger` by the files themselves, for those that Compose refuses: else it would be told only once
 * that is mended. Nothing that a variable, another file or `extends` may mend.
 */
export function writtenMistakes(sources: Sources): Located[] {
  const findings = new Findings();
  for (const source of sources.main) {
    // What the parser made of a broken file is not what anybody wrote.
    if (source.syntaxErrors.length > 0) continue;
    for (const root of source.roots) {
      const file = plain(source, root);
      const services = isRecord(file) ? file['services'] : undefined;
      for (const [name, service] of isRecord(services) ? Object.entries(services) : []) {
        const written = isRecord(service) ? service['x-outrigger'] : undefined;
        readXOutrigger(written, ['services', name, 'x-outrigger'], findings);
      }
    }
  }
  return findings.errors.filter(({ keyPath }) => isCertain(sources, keyPath)).map(problem => sources.locate(problem));
}

/** It stands there as it is: neither left out nor to be interpolated. */
function isCertain(sources: Sources, keyPath: KeyPath): boolean {
  const hit = sources.find(keyPath);
  return hit?.depth === keyPath.length && !sources.textAt(keyPath)?.includes('$');
}

/** A node as it would be read, with its aliases and merge keys written out. Files with too many of them are refused before. */
function plain(source: SourceFile, given: unknown): unknown {
  const node = isAlias(given) ? source.targets.get(given) : given;
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map(item => plain(source, item));
  if (!isMap(node)) return undefined;
  const own: Record<string, unknown> = {};
  const merged: unknown[] = [];
  for (const { key, value } of node.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (name === '<<') merged.push(...[plain(source, value)].flat());
    else own[name] = plain(source, value);
  }
  return Object.assign({}, ...merged.filter(isRecord).reverse(), own);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

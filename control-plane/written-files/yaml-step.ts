import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { SourceFile } from './source-file.ts';

/** One step down: a key of a mapping (merged ones included), an item of a list, or an item written in short form. */
export function child(
  source: SourceFile,
  from: unknown,
  part: string | number,
): { value: unknown; offset: number } | undefined {
  const node = isAlias(from) ? source.targets.get(from) : from;
  if (isMap(node)) {
    for (const pair of node.items) {
      if (isScalar(pair.key) && String(pair.key.value) === String(part)) {
        return { value: pair.value, offset: pair.key.range?.[0] ?? 0 };
      }
    }
    const merged = node.items.filter(pair => isScalar(pair.key) && pair.key.value === '<<').map(pair => pair.value);
    for (const value of merged) {
      const target = isAlias(value) ? source.targets.get(value) : value;
      for (const item of isSeq(target) ? target.items : [target]) {
        const found = child(source, item, part);
        if (found) return found;
      }
    }
    return undefined;
  }
  if (!isSeq(node)) return undefined;
  if (typeof part === 'number') return itemAt(source, node.items[part]);
  return itemAt(
    source,
    node.items.find(item => {
      const text = isScalar(item) ? String(item.value) : undefined;
      return text === part || text?.startsWith(`${part}=`) || text?.startsWith(`${part}:`);
    }),
  );
}

function itemAt(source: SourceFile, item: unknown): { value: unknown; offset: number } | undefined {
  if (!isAlias(item) && !isMap(item) && !isSeq(item) && !isScalar(item)) return undefined;
  const value = isAlias(item) ? source.targets.get(item) : item;
  return { value, offset: item.range?.[0] ?? 0 };
}

export function scalarText(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

import { isMap, isScalar, isSeq } from 'yaml';
import { placeOf } from '../written-files/place.ts';
import type { Located } from '../written-files/problem.ts';
import type { SourceFile } from '../written-files/source-file.ts';

/** What the YAML parser would let the last one win for, two nodes of one name above all; and what no object can be asked for. */
export function repeatedKeys(source: SourceFile, most: number): readonly Located[] {
  const problems: Located[] = [];
  function visit(node: unknown, keyPath: readonly (string | number)[]): void {
    if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...keyPath, index]);
    if (!isMap(node)) return;
    const first = new Map<string, number>();
    for (const { key, value } of node.items) {
      if (problems.length > most) return;
      const name = isScalar(key) ? String(key.value) : '';
      const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      const before = first.get(name);
      if (name === '__proto__') {
        const message = 'expected another name: this one means something to JavaScript and would be lost';
        problems.push({ ...placeOf(source, offset), keyPath: [...keyPath, name], message });
      } else if (before !== undefined && name !== '<<') {
        const { line } = placeOf(source, before);
        const what = keyPath.length === 1 && keyPath[0] === 'nodes' ? `the node "${name}"` : `"${name}"`;
        const message = `${what} stands here a second time, first in line ${line}`;
        problems.push({ ...placeOf(source, offset), keyPath: [...keyPath, name], message });
      } else first.set(name, offset);
      visit(value, [...keyPath, name]);
    }
  }
  for (const root of source.roots) visit(root, []);
  return problems;
}

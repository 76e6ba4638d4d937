import { wrap } from './wrap.ts';

const NAME_WIDTH = 13;

/** `name:  value` lines, the values below each other and broken to the width; a field without a value is left out. */
export function fields(pairs: readonly (readonly [string, string])[], width = Number.POSITIVE_INFINITY): string[] {
  return pairs.flatMap(([name, value]) =>
    wrap(value, Math.max(1, width - NAME_WIDTH)).map(
      (line, i) => `${(i === 0 ? `${name}:` : '').padEnd(NAME_WIDTH)}${line}`,
    ),
  );
}

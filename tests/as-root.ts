import test, { type ImplementationFn } from 'ava';

export const isRoot = process.getuid?.() === 0;

/** A test that only root can run. Where it is skipped its title says why, which the end of a whole run repeats. */
export function asRoot(title: string, implementation: ImplementationFn<[]>): void {
  if (isRoot) test(title, implementation);
  else test.skip(`${title} (needs root)`, implementation);
}

import { parseDocument } from 'yaml';
import { OutriggerError } from '../core/errors.ts';
import { isMapping } from '../written-files/is-mapping.ts';

/** More than this in one project is a mistake or an attack; compiling stays within a second or two below it. */
const MAX_SERVICES = 1_000;
const MAX_DEPTH = 100;

/**
 * The output of `docker compose config` as a value. It is read as YAML, because Compose's JSON leaves out the x- keys,
 * and each `$$` in it, keys included, is a `$` that Compose escaped so that the output could be its own input again.
 */
export function parseCanonical(text: string): Readonly<Record<string, unknown>> {
  let model: unknown;
  try {
    const document = parseDocument(text.replaceAll('$$', '$'), { customTags: ['binary'], logLevel: 'silent' });
    const [error] = document.errors;
    if (error) throw new OutriggerError('internal', `the output of docker compose config is no YAML: ${error.message}`);
    model = document.toJS({ maxAliasCount: 0 });
  } catch (thrown) {
    if (thrown instanceof RangeError) throw tooDeep('the file', thrown);
    throw thrown;
  }
  if (!isMapping(model)) throw new OutriggerError('internal', 'the output of docker compose config is no mapping');
  if (depthOf(model) > MAX_DEPTH) throw tooDeep('the file');
  const count = isMapping(model['services']) ? Object.keys(model['services']).length : 0;
  if (count > MAX_SERVICES) {
    throw new OutriggerError('invalid_argument', `the file has ${count} services; expected at most ${MAX_SERVICES}`, {
      next: 'Split it into several projects.',
    });
  }
  return model;
}

export function tooDeep(what: string, cause?: unknown): OutriggerError {
  return new OutriggerError('invalid_argument', `${what} is nested more than ${MAX_DEPTH} levels deep`, {
    next: 'Flatten it; no key of Compose or Outrigger needs so many levels.',
    cause,
  });
}

/** Without recursion, so that what is too deep can be counted at all. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  let depth = 0;
  while (level.length > 0 && depth <= MAX_DEPTH) {
    level = level.flatMap(item => (typeof item === 'object' && item !== null ? Object.values(item) : []));
    depth++;
  }
  return depth;
}

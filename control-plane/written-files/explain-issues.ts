import type { z } from 'zod';
import { isMapping } from './is-mapping.ts';
import { nearestKey } from './nearest-key.ts';
import type { KeyPath, Problem } from './problem.ts';
import { showValue } from './show-value.ts';

type Issue = z.core.$ZodIssue;

/**
 * Zod's issues as sentences that say what was expected and what was found.
 * @param options.knownKeys the keys that the schema knows at a path, for "did you mean"
 */
export function explainIssues(
  issues: readonly Issue[],
  options: { input: unknown; base: KeyPath; knownKeys: (path: KeyPath) => readonly string[] },
): Problem[] {
  return issues.flatMap(issue => explain(issue, [], options));
}

function explain(
  issue: Issue,
  above: KeyPath,
  options: { input: unknown; base: KeyPath; knownKeys: (path: KeyPath) => readonly string[] },
): Problem[] {
  const path = [...above, ...issue.path.map(part => (typeof part === 'symbol' ? String(part) : part))];
  const keyPath = [...options.base, ...path];
  const found = valueAt(options.input, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = options.knownKeys(path);
      return issue.keys.map(key => {
        const suggestion = nearestKey(key, known);
        const message = `unknown key "${key}"${known.length > 0 ? `, expected ${oneOf(known)}` : ''}`;
        return { keyPath: [...keyPath, key], message, ...(suggestion === undefined ? {} : { suggestion }) };
      });
    }
    case 'invalid_union': {
      const branch = branchFor(issue.errors, found);
      if (branch) return branch.flatMap(inner => explain(inner, path, options));
      return [{ keyPath, message: withFound(issue.message, found) }];
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      const suggestion = typeof found === 'string' ? nearestKey(found, values) : undefined;
      const message = `expected ${oneOf(values)}, found ${showValue(found)}`;
      return [{ keyPath, message, ...(suggestion === undefined ? {} : { suggestion }) }];
    }
    case 'invalid_type':
      return [
        {
          keyPath,
          message: withFound(
            issue.message.startsWith('expected')
              ? issue.message
              : `expected ${TYPES[issue.expected] ?? issue.expected}`,
            found,
          ),
        },
      ];
    case 'too_big':
    case 'too_small': {
      if (issue.message.startsWith('expected')) return [{ keyPath, message: withFound(issue.message, found) }];
      const bound = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
      const what = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
      return [{ keyPath, message: withFound(`expected ${bound}${what}`, found) }];
    }
    default:
      return [{ keyPath, message: withFound(issue.message, found) }];
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

/** Of a union, the branch that the value was meant for: the one that complains about something inside the value. */
function branchFor(branches: readonly (readonly Issue[])[], found: unknown): readonly Issue[] | undefined {
  if (!isMapping(found) && !Array.isArray(found)) return undefined;
  return branches.find(
    issues => issues.length > 0 && issues.every(i => i.path.length > 0 || i.code !== 'invalid_type'),
  );
}

function withFound(message: string, found: unknown): string {
  const sentence = message.startsWith('expected') ? message : message.charAt(0).toLowerCase() + message.slice(1);
  return sentence.includes('found ') ? sentence : `${sentence}, found ${showValue(found)}`;
}

function oneOf(values: readonly string[]): string {
  if (values.length === 1) return `"${values[0]}"`;
  return `one of ${values.join(', ')}`;
}

function valueAt(input: unknown, path: KeyPath): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

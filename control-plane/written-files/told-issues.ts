import { z } from 'zod';
import { knownKeysOf } from './known-keys.ts';
import { nearestKey } from './nearest-key.ts';

/** What is wrong with a program's own words: a path as `replicas.max`, empty for the whole, and a sentence. */
export interface ToldIssue {
  readonly path: string;
  readonly problem: string;
}

/** Zod's issues with a value of this schema, at most so many; of each unknown key the known one that was probably meant. */
export function toldIssues(
  schema: z.ZodType,
  { issues }: Pick<z.ZodError, 'issues'>,
  { atMost }: { atMost: number },
): ToldIssue[] {
  const told = issues.slice(0, atMost).flatMap((issue): ToldIssue[] => {
    const path = issue.path.map(part => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), problem: issue.message }];
    const known = knownKeys(schema)(path);
    return issue.keys.slice(0, atMost).map(key => {
      const nearest = nearestKey(key, known);
      const meant = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
      return { path: path.join('.'), problem: `unknown key ${JSON.stringify(key)}${meant}` };
    });
  });
  return told.slice(0, atMost);
}

function knownKeys(schema: z.ZodType): ReturnType<typeof knownKeysOf> {
  const known =
    made.get(schema) ??
    knownKeysOf(() => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }));
  made.set(schema, known);
  return known;
}

const made = new WeakMap<z.ZodType, ReturnType<typeof knownKeysOf>>();

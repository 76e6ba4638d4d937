import { explainIssues } from '../written-files/explain-issues.ts';
import type { Findings } from '../written-files/findings.ts';
import { knownKeysOf } from '../written-files/known-keys.ts';
import type { KeyPath } from '../written-files/problem.ts';
import { type XOutrigger, xOutrigger } from './x-outrigger.ts';
import { xOutriggerJsonSchema } from './x-outrigger-json-schema.ts';

/** Validates a service's `x-outrigger`; an invalid one adds its errors to the findings and reads as empty. */
export function readXOutrigger(value: unknown, keyPath: KeyPath, findings: Findings): XOutrigger {
  if (value === undefined) return {};
  const parsed = xOutrigger.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = explainIssues(parsed.error.issues, { input: value, base: keyPath, knownKeys });
  for (const problem of problems) findings.error(problem.keyPath, problem.message, problem.suggestion);
  return {};
}

const knownKeys = knownKeysOf(xOutriggerJsonSchema);

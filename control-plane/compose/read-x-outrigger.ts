import { explainIssues } from './explain-issues.ts';
import type { Findings } from './findings.ts';
import type { KeyPath } from './problem.ts';
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

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
}

let schema: JsonSchema | undefined;

/** The keys that the grammar has at a path, read from its own JSON Schema. */
function knownKeys(path: KeyPath): readonly string[] {
  schema ??= xOutriggerJsonSchema() as JsonSchema;
  let nodes: readonly JsonSchema[] = alternatives(schema);
  for (const part of path) {
    nodes = nodes.flatMap(node => {
      const next = node.properties && Object.hasOwn(node.properties, part) ? node.properties[part] : undefined;
      return next ? alternatives(next) : [];
    });
  }
  return nodes.flatMap(node => Object.keys(node.properties ?? {}));
}

function alternatives(node: JsonSchema): readonly JsonSchema[] {
  return node.anyOf ? node.anyOf.flatMap(alternatives) : [node];
}

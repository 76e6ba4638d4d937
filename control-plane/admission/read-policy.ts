import { parseDocument } from 'yaml';
import { z } from 'zod';
import { explainIssues } from '../written-files/explain-issues.ts';
import { knownKeysOf } from '../written-files/known-keys.ts';
import { locate, placeOf } from '../written-files/place.ts';
import type { Located, Problem } from '../written-files/problem.ts';
import { showValue } from '../written-files/show-value.ts';
import { parseSource } from '../written-files/source-file.ts';
import { type AdmissionPolicy, admissionPolicy } from './policy.ts';

export type PolicyReading =
  | { readonly kind: 'read'; readonly policy: AdmissionPolicy }
  | { readonly kind: 'refused'; readonly problems: readonly Located[] };

/** The text of an admission policy, YAML or JSON; or what is wrong with it, each mistake with its place. Pure. */
export function readPolicy(file: string, text: string): PolicyReading {
  const source = parseSource(file, text);
  const [unreadable] = source.syntaxErrors;
  if (unreadable) {
    const { message, offset } = unreadable;
    return { kind: 'refused', problems: [{ ...placeOf(source, offset), keyPath: [], message }] };
  }
  const refused = (problems: readonly Problem[]): PolicyReading => ({
    kind: 'refused',
    problems: problems.map(problem => locate(source, problem)),
  });
  if (source.excess) return refused([{ keyPath: [], message: 'expected fewer levels and aliases' }]);
  let input: unknown;
  try {
    input = parseDocument(text, { merge: true, logLevel: 'silent' }).toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or a merge of something that is no mapping.
    return refused([{ keyPath: [], message: (error as Error).message }]);
  }
  const parsed = admissionPolicy.safeParse(input);
  if (!parsed.success) return refused(explainIssues(parsed.error.issues, { input, base: [], knownKeys }));
  const relative = parsed.data.allow.bindRoots.flatMap((root, i): Problem[] =>
    /^(\/|~(\/|$))/.test(root)
      ? []
      : [{ keyPath: ['allow', 'bindRoots', i], message: `expected an absolute path, found ${showValue(root)}` }],
  );
  return relative.length > 0 ? refused(relative) : { kind: 'read', policy: parsed.data };
}

const knownKeys = knownKeysOf(() => z.toJSONSchema(admissionPolicy, { io: 'input' }));

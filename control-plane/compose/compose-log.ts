import { placeOf } from '../written-files/place.ts';
import type { Located } from '../written-files/problem.ts';
import type { Sources } from './sources.ts';

/** What Compose writes on standard error: its log lines, and everything else, which is the reason of a failure. */
export function readComposeLog(stderr: string): { warnings: string[]; rest: string } {
  const warnings = new Set<string>();
  const rest: string[] = [];
  for (const line of stderr.split('\n')) {
    const entry = /^time="[^"]*" level=(\w+) msg="((?:[^"\\]|\\.)*)"/.exec(line);
    if (!entry) rest.push(line);
    else if (entry[1] === 'warning' || entry[1] === 'error') warnings.add(unquote(entry[2]!));
  }
  return { warnings: [...warnings], rest: rest.join('\n').trim() };
}

function unquote(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

/** A warning of Compose, with the line that caused it where the text says enough. */
export function locateWarning(message: string, sources: Sources): Located {
  const variable = /^The "(.+?)" variable is not set\./.exec(message)?.[1];
  if (variable !== undefined) {
    for (const source of sources.all) {
      const match = variablePattern(variable).exec(source.text);
      const expected = `the variable "${variable}" is not set, so it counts as empty`;
      if (match) return { keyPath: [], message: expected, ...placeOf(source, match.index) };
    }
  }
  const [, file, rest] = /^(\/.+?\.ya?ml): (.*)$/s.exec(message) ?? [];
  const source = sources.all.find(candidate => candidate.file === file);
  if (!source || rest === undefined) return { keyPath: [], message };
  const attribute = /attribute `(\w+)`/.exec(rest)?.[1];
  if (attribute === undefined) return { keyPath: [], message: rest, file: source.file };
  return { ...sources.locate({ keyPath: [attribute], message: rest }), file: source.file };
}

function variablePattern(name: string): RegExp {
  return new RegExp(`(?<!\\$)\\$(?:\\{${name.replaceAll(/\W/g, '')}\\b|${name.replaceAll(/\W/g, '')}\\b)`);
}

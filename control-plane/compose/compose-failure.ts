import { OutriggerError } from '../core/errors.ts';
import { nearestKey } from '../written-files/nearest-key.ts';
import { placeOf } from '../written-files/place.ts';
import type { KeyPath, Located } from '../written-files/problem.ts';
import { nearestComposeKey } from './compose-keys.ts';
import type { Sources } from './sources.ts';

/**
 * Compose's own complaint about a file, with its place. Compose says the key path in several ways and a line in only
 * few, so the place comes from the sources.
 * @param message what Compose wrote on standard error, without its log lines
 * @throws OutriggerError where it is no file's fault: nothing to read, an unknown service, a bad project name
 */
export function explainFailure(message: string, sources: Sources): Located[] {
  throwIfNotTheFile(message);
  // Before anything that the parser made of a broken file.
  const syntax = /\byaml: |failed to parse/.test(message) ? syntaxErrors(sources) : [];
  if (syntax.length > 0) return syntax;
  if (sources.keysOf(['services']).includes('x-outrigger')) {
    const tooHigh = 'x-outrigger stands directly under a service; here, Compose takes it for the name of one';
    return [sources.locate({ keyPath: ['services', 'x-outrigger'], message: tooHigh })];
  }
  for (const [pattern, explain] of PATTERNS) {
    const match = pattern.exec(message);
    if (match) return explain(match, sources);
  }
  return [sources.locate({ keyPath: [], message: oneLine(message) || 'Compose refused the file and gave no reason' })];
}

function throwIfNotTheFile(message: string): void {
  if (/no configuration file provided/.test(message)) {
    throw new OutriggerError('not_found', 'there is no service file here or in a folder above', {
      next: 'Go to the folder with compose.yaml, or name the file with -f.',
      details: { noServiceFile: true },
    });
  }
  const service = /^no such service: (.+)$/m.exec(message)?.[1];
  if (service !== undefined) {
    throw new OutriggerError('not_found', `the file has no service "${service}"`, {
      next: 'Name one that it has; `outrigger config --services` lists them.',
    });
  }
  const envFile = /couldn't find env file: (.+)$/m.exec(message)?.[1];
  if (envFile !== undefined) throw new OutriggerError('not_found', `the env file ${envFile} does not exist`);
  const project = /invalid project name "(.*?)": (.+)$/m.exec(message);
  if (project) {
    throw new OutriggerError('invalid_argument', `the project name "${project[1]}" ${project[2]}`, {
      next: 'Give another with -p, or as `name:` in the file.',
    });
  }
}

type Explain = (match: RegExpExecArray, sources: Sources) => Located[];

const PATTERNS: readonly (readonly [RegExp, Explain])[] = [
  [
    /validating (.+?): (\S*) ?additional propert(?:y|ies) (.+) not allowed/,
    ([, file, dotted, keys], sources) => {
      const parent = sources.parseKeyPath(dotted!);
      return [...keys!.matchAll(/'([^']*)'/g)].map(([, key]) => {
        const suggestion = nearestComposeKey(parent, key!);
        const problem = {
          keyPath: [...parent, key!],
          message: `unknown key "${key}"`,
          ...(suggestion ? { suggestion } : {}),
        };
        return inFile(sources.locate(problem), file!);
      });
    },
  ],
  [
    /validating (.+?): (\S+) ((?:must|does|is|value|items|array|should|expected|at|missing|invalid|valid|oneOf|anyOf|allOf|got)\b.+)/s,
    ([, file, dotted, reason], sources) => {
      const keyPath = sources.parseKeyPath(dotted!);
      return [inFile(sources.locate({ keyPath, message: wrongKind(reason!, sources.textAt(keyPath)) }), file!)];
    },
  ],
  [
    /^failed to parse (.+?): line (\d+): (.+)/s,
    ([, file, line, reason]) => [{ keyPath: [], message: oneLine(reason!), file: file!, line: Number(line) }],
  ],
  [
    /service "(.+?)" depends on undefined service "?(.+?)"?: /,
    ([, service, name], sources) => [missing(sources, ['services', service!, 'depends_on'], 'service', name!)],
  ],
  [
    /service "(.+?)" refers to undefined (secret|config|volume|network) (.+?): /,
    ([, service, kind, name], sources) => [missing(sources, ['services', service!, `${kind}s`], kind!, name!)],
  ],
  [
    /error while interpolating (\S+?): (.+)/s,
    ([, dotted, reason], sources) => [
      sources.locate({ keyPath: sources.parseKeyPath(dotted!), message: oneLine(reason!) }),
    ],
  ],
  [
    /invalid interpolation format for (\S+?)\.?\n(?:.*\n)?(.*)/,
    ([, dotted, found], sources) => [
      sources.locate({
        keyPath: sources.parseKeyPath(dotted!),
        message: `expected a variable such as \${NAME} (a plain dollar is written $$), found ${JSON.stringify(found)}`,
      }),
    ],
  ],
  [
    /decoding failed due to the following error/,
    (match, sources) =>
      [...match.input.matchAll(/^'(.+?)' (.+)$/gm)].map(([, dotted, reason]) =>
        undecoded(sources, sources.parseKeyPath(dotted!), reason!),
      ),
  ],
  [
    /cannot extend service "(.+?)" in (.+?): (.+)/s,
    ([, service, file, reason], sources) => [
      inFile(sources.locate({ keyPath: ['services', service!, 'extends'], message: oneLine(reason!) }), file!),
    ],
  ],
  [
    /dependency cycle detected: (\S+) -> (.+)/,
    ([, first, rest], sources) => [
      sources.locate({
        keyPath: ['services', first!, 'depends_on'],
        message: `expected no cycle of dependencies, found ${first} -> ${rest}`,
      }),
    ],
  ],
  [
    /env file (.+?) not found/,
    ([, file], sources) => [locateText(sources, file!, `the env file ${file} does not exist`)],
  ],
  [
    /^open (.+?): (no such file or directory|permission denied)/m,
    ([, file, reason], sources) => {
      if (sources.main.length === 0) {
        throw new OutriggerError(reason === 'permission denied' ? 'denied' : 'not_found', `${file}: ${reason}`, {
          next: 'Name a file that exists and that you may read.',
        });
      }
      return [locateText(sources, file!, `the file ${file} cannot be read: ${reason}`)];
    },
  ],
  [
    /unknown anchor '(.+?)' referenced/,
    ([, anchor], sources) => [locateText(sources, `*${anchor}`, `there is no anchor &${anchor} above`)],
  ],
  [
    /cannot unmarshal !!(\w+)/,
    (_match, sources) => [
      sources.locate({ keyPath: [], message: 'expected a mapping with the key services, found something else' }),
    ],
  ],
  [
    /^invalid (?:containerPort|hostPort|proto|port range|ip address|.*port.*): ?"?([^\s"]+)"?/im,
    ([, value], sources) => [locateText(sources, value!, `expected a port such as "8080:80", found "${value}"`)],
  ],
  [
    /service "?([^\s"]+)"? (has .+|can't .+|cannot .+|declares .+)/s,
    ([, service, reason], sources) => [
      sources.locate({
        keyPath: ['services', service!],
        message: oneLine(reason!).replace(': invalid compose project', ''),
      }),
    ],
  ],
  [
    /(?:^|: |\s)((?:services|networks|volumes|secrets|configs)[.[][^\s:]+?):? (.+)/s,
    ([, dotted, reason], sources) => [
      sources.locate({ keyPath: sources.parseKeyPath(dotted!), message: oneLine(reason!) }),
    ],
  ],
];

/** The YAML parser's own errors, which know line and column; go-yaml's are off by one and name no file. */
function syntaxErrors(sources: Sources): Located[] {
  return sources.all.flatMap(source =>
    source.syntaxErrors
      .slice(0, 5)
      .map(error => ({ keyPath: [], message: error.message, ...placeOf(source, error.offset) })),
  );
}

function missing(sources: Sources, keyPath: KeyPath, kind: string, name: string): Located {
  const known = sources.keysOf([`${kind}s`]);
  if (known.includes(name)) {
    const off = `"${name}" is in a profile that is not switched on; name the profile, or the ${kind} itself`;
    return sources.locate({ keyPath: [...keyPath, name], message: off });
  }
  const suggestion = nearestKey(name, known);
  const message = `there is no ${kind} "${name}" in the file`;
  return sources.locate({ keyPath: [...keyPath, name], message, ...(suggestion ? { suggestion } : {}) });
}

/** A complaint that names a file: the line that mentions it. */
function locateText(sources: Sources, file: string, message: string): Located {
  const base = file.split('/').at(-1)!;
  for (const source of sources.all) {
    const offset = source.text.indexOf(base);
    if (offset >= 0) return { keyPath: [], message, ...placeOf(source, offset) };
  }
  return sources.locate({ keyPath: [], message });
}

/** Compose knows which file it was; the place counts only if it is in that one. */
function inFile(located: Located, file: string): Located {
  if (located.file === file || !file.includes('/')) return located;
  const { line: _line, column: _column, ...rest } = located;
  return { ...rest, file };
}

/** Go's complaint about a size or a duration in the words of this program. */
function undecoded(sources: Sources, keyPath: KeyPath, reason: string): Located {
  const found = JSON.stringify(sources.textAt(keyPath) ?? reason);
  if (/invalid suffix|invalid size/.test(reason)) {
    return sources.locate({ keyPath, message: `expected a size such as "512m" or "4g", found ${found}` });
  }
  if (/^time: .*duration/.test(reason)) {
    return sources.locate({ keyPath, message: `expected a duration such as "30s" or "1m30s", found ${found}` });
  }
  return sources.locate({ keyPath, message: reason });
}

/** JSON Schema's "must be a string" as what was expected and what was found. */
function wrongKind(reason: string, found: string | undefined): string {
  const sentence = oneLine(reason)
    .replace(/^must be an? /, 'expected a ')
    .replace(/^must be /, 'expected ');
  const quoted = /^expected a string$/.test(sentence) ? 'expected text in quotes' : sentence;
  return found === undefined ? quoted : `${quoted}, found ${found}`;
}

function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .slice(0, 1_000);
}

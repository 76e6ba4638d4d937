import type { ServiceSpec } from '../core/spec.ts';

/**
 * A spec as people may see it: without the contents of secret files, and without what its name says is secret, whether
 * that is a variable, a label, a header, a flag of a command line or a member of a JSON body; nor passwords in URLs.
 * Names that end in `file`, `path` or `dir` say where a secret lies, and are shown.
 */
export function maskSpec(spec: ServiceSpec): Record<string, unknown> {
  const known = masked.get(spec);
  if (known) return known;
  const { command, entrypoint, healthcheck, warmup, probes } = spec;
  const result = {
    ...spec,
    ...(command && { command: maskArguments(command) }),
    ...(entrypoint && { entrypoint: maskArguments(entrypoint) }),
    environment: maskMembers(spec.environment),
    labels: maskMembers(spec.labels),
    files: spec.files.map(file => (file.secret ? { ...file, contentBase64: MASK } : file)),
    ...(healthcheck && { healthcheck: { ...healthcheck, test: maskArguments(healthcheck.test) } }),
    probes: {
      ...(probes.startup && { startup: maskProbe(probes.startup) }),
      ...(probes.readiness && { readiness: maskProbe(probes.readiness) }),
      ...(probes.liveness && { liveness: maskProbe(probes.liveness) }),
    },
    ...(warmup && {
      warmup: {
        ...warmup,
        http: {
          ...warmup.http,
          path: maskText(warmup.http.path),
          headers: maskMembers(warmup.http.headers),
          ...(warmup.http.body !== undefined && { body: maskJson(warmup.http.body) }),
        },
      },
    }),
  };
  masked.set(spec, result);
  return result;
}

/** Specs do not change, and every pass of the controller describes all of them. */
const masked = new WeakMap<ServiceSpec, Record<string, unknown>>();

const MASK = '(hidden)';
const SECRET_NAME =
  /secret|token(?!iz)|passw|passphrase|[-_]pwd$|credential|private|bearer|authorization|cookie|api[-_]?key|access[-_]?key/i;
const PLACE_OF_SECRET = /(?:file|path|dir|folder)s?$/i;
/** `--max-tokens 512` counts what a model writes. */
const COUNTS_TOKENS = /tokens$/i;

function isSecret(name: string, value: unknown): boolean {
  if (!SECRET_NAME.test(name) || PLACE_OF_SECRET.test(name)) return false;
  return !(COUNTS_TOKENS.test(name) && /^\d{1,9}$/.test(String(value)));
}

function maskProbe<T extends NonNullable<ServiceSpec['probes']['startup' | 'readiness']>>(probe: T): T {
  const { check } = probe;
  if (check.kind !== 'http') return probe;
  return { ...probe, check: { ...check, path: maskText(check.path), headers: maskMembers(check.headers) } };
}

function maskMembers(members: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [name, isSecret(name, value) ? MASK : maskText(value)]),
  );
}

function maskJson(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map(maskJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const plain = typeof member !== 'object' || member === null;
      return [name, plain && isSecret(name, member) ? MASK : maskJson(member)];
    }),
  );
}

/** `--token X` has its value in the next argument. */
function maskArguments(words: readonly string[]): string[] {
  return words.map((word, i) => {
    const before = words[i - 1];
    const isValue = before !== undefined && /^--?[\w.-]+$/.test(before) && !word.startsWith('-');
    return isValue && isSecret(before, word) ? MASK : maskText(word);
  });
}

/** Hides `name=value`, `--name value`, `name: value` and `"name":"value"` of secret names, and passwords in URLs. */
function maskText(text: string): string {
  const withoutPasswords = text.includes('://') ? text.replace(URL_PASSWORD, `$1:${MASK}@`) : text;
  return SECRET_NAME.test(withoutPasswords) ? maskAssignments(withoutPasswords) : withoutPasswords;
}

/** Bounded repetitions, so that a long text costs no more than its length. */
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/?#@'"]{0,256}):[^\s/?#'"]{1,1024}@/gi;

function maskAssignments(text: string): string {
  let result = '';
  let at = 0;
  for (const { 0: name, index } of text.matchAll(/[\w.-]{1,128}/g)) {
    if (index < at || !SECRET_NAME.test(name)) continue;
    const separator = name.startsWith('-') ? /=|\s+|["']?\s*:\s+|["']\s*:\s*/y : /=|["']?\s*:\s+|["']\s*:\s*/y;
    separator.lastIndex = index + name.length;
    if (!separator.test(text)) continue;
    // Such a header has blanks in its value: `Authorization: Bearer x`.
    const value = /authorization|cookie/i.test(name) ? /["']?[^"'\n]+/y : /"[^"]*"|'[^']*'|[^\s"'&;,}]+/y;
    value.lastIndex = separator.lastIndex;
    const found = value.exec(text)?.[0];
    if (found === undefined || (name.startsWith('-') && found.startsWith('-')) || !isSecret(name, found)) continue;
    const quote = /^["']/.exec(found)?.[0] ?? '';
    const closing = quote !== '' && found.endsWith(quote) && found.length > 1 ? quote : '';
    result += `${text.slice(at, separator.lastIndex)}${quote}${MASK}${closing}`;
    at = value.lastIndex;
  }
  return result + text.slice(at);
}

import { parseDuration } from '../written-files/duration.ts';
import type { Findings } from '../written-files/findings.ts';
import { isMapping } from '../written-files/is-mapping.ts';
import { nearestKey } from '../written-files/nearest-key.ts';
import type { KeyPath } from '../written-files/problem.ts';
import { showValue } from '../written-files/show-value.ts';
import { parseSize } from '../written-files/size.ts';

/**
 * Reads one mapping of the canonical Compose model and remembers which keys were read, so that `end()` can refuse every
 * key that nobody asked for: no key, not even one of a future Compose, is dropped in silence. A value of the wrong kind
 * becomes an error in the findings and reads as undefined.
 */
export class Fields {
  readonly path: KeyPath;
  readonly findings: Findings;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: KeyPath, findings: Findings) {
    this.path = path;
    this.findings = findings;
    if (isMapping(value)) this.#value = value;
    else {
      this.#value = {};
      if (value !== null && value !== undefined) findings.error(path, `expected a mapping, found ${showValue(value)}`);
    }
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key) && this.#value[key] !== null && this.#value[key] !== undefined;
  }

  /** The keys that are there and were not read. */
  unread(): string[] {
    return Object.keys(this.#value).filter(key => !this.#read.has(key));
  }

  keys(): string[] {
    return Object.keys(this.#value);
  }

  at(key: string): KeyPath {
    return [...this.path, key];
  }

  take(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? undefined) : undefined;
  }

  text(key: string): string | undefined {
    return this.#as(key, 'text', asText);
  }

  number(key: string): number | undefined {
    return this.#as(key, 'a number', value => {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
    });
  }

  flag(key: string): boolean | undefined {
    return this.#as(key, 'true or false', value =>
      value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined,
    );
  }

  sizeBytes(key: string): number | undefined {
    return this.#as(key, 'a size such as "4g" or "512m"', value => parseSize(asText(value) ?? '') ?? undefined);
  }

  durationMs(key: string): number | undefined {
    return this.#as(
      key,
      'a duration such as "30s" or "1m30s"',
      value => parseDuration(asText(value) ?? '') ?? undefined,
    );
  }

  texts(key: string): string[] | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    const texts = list.map((item, index) => {
      const text = asText(item);
      if (text === undefined) {
        this.findings.error([...this.at(key), index], `expected text, found ${showValue(item)}`);
      }
      return text ?? '';
    });
    return texts;
  }

  /** A mapping of texts; a key without a value is null. */
  textMap(key: string): [string, string | null][] {
    const value = this.take(key);
    if (value === undefined) return [];
    if (!isMapping(value)) {
      this.findings.error(this.at(key), `expected a mapping, found ${showValue(value)}`);
      return [];
    }
    return Object.entries(value).map(([name, item]) => {
      const text = item === null ? null : asText(item);
      if (text === undefined) {
        this.findings.error([...this.at(key), name], `expected text, found ${showValue(item)}`);
      }
      return [name, text ?? null];
    });
  }

  fields(key: string): Fields | undefined {
    const value = this.take(key);
    return value === undefined ? undefined : new Fields(value, this.at(key), this.findings);
  }

  /** The members of a list, each as a mapping. */
  list(key: string): Fields[] {
    const value = this.take(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.findings.error(this.at(key), `expected a list, found ${showValue(value)}`);
      return [];
    }
    return value.map((item, index) => new Fields(item, [...this.at(key), index], this.findings));
  }

  /** The members of a mapping, each as a mapping; a member without a value is an empty one. */
  members(key: string): [string, Fields][] {
    const value = this.take(key);
    if (value === undefined) return [];
    if (!isMapping(value)) {
      this.findings.error(this.at(key), `expected a mapping, found ${showValue(value)}`);
      return [];
    }
    return Object.entries(value).map(([name, item]) => [
      name,
      new Fields(item ?? {}, [...this.at(key), name], this.findings),
    ]);
  }

  /** Says, where the key is there, that Outrigger deliberately does nothing with it. */
  ignore(key: string, why: string): void {
    if (this.has(key)) this.findings.warn(this.at(key), `ignored: ${why}`);
    this.#read.add(key);
  }

  /** Refuses the key where it is there. */
  refuse(key: string, why: string): void {
    if (this.has(key)) this.findings.error(this.at(key), why);
    this.#read.add(key);
  }

  #as<T>(key: string, expected: string, convert: (value: unknown) => T | undefined): T | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    const converted = convert(value);
    if (converted === undefined) this.findings.error(this.at(key), `expected ${expected}, found ${showValue(value)}`);
    return converted;
  }

  /** Refuses every key that was not read, and every `x-outrigger` in a place where it would do nothing. */
  end(): void {
    for (const key of this.unread()) {
      if (key.startsWith('x-')) misplaced(this.findings, this.at(key), key);
      else {
        this.findings.error(
          this.at(key),
          `Outrigger does not support the key "${key}" here`,
          nearestKey(key, this.#read),
        );
      }
    }
  }
}

/** Extension keys are the user's own, except ours in a place where it has no effect. */
export function misplaced(findings: Findings, keyPath: KeyPath, key: string): void {
  if (key === 'x-outrigger') {
    findings.error(
      keyPath,
      'has no effect here; it stands directly under a service. Defaults that services share by an anchor ' +
        'take another name, such as x-model-defaults',
    );
  }
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : undefined;
}

import type { Struct, Struct__Output } from '../../proto/generated/google/protobuf/Struct.ts';
import type { Value, Value__Output } from '../../proto/generated/google/protobuf/Value.ts';
import { OutriggerError } from '../core/errors.ts';

/**
 * google.protobuf.Struct to and from plain JSON values. Numbers are doubles in a Struct: every integer up to 2^53 keeps
 * its value; what JSON cannot say (NaN, infinities, a value without a kind) is refused. Undefined properties are left
 * out, as JSON.stringify does.
 */
export function toStruct(object: Readonly<Record<string, unknown>>): Struct {
  const fields: Record<string, Value> = {};
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) define(fields, key, toValue(value, key));
  }
  return { fields };
}

export function fromStruct(struct: Struct__Output, options: { maxDepth: number } = { maxDepth: 32 }) {
  return fromFields(struct, 1, options.maxDepth);
}

function toValue(value: unknown, path: string): Value {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      if (!Number.isFinite(value)) throw notJson(path, String(value));
      return { numberValue: value };
    case 'object': {
      if (value === null) return { nullValue: 'NULL_VALUE' };
      if (Array.isArray(value)) {
        return { listValue: { values: value.map((item, i) => toValue(item ?? null, `${path}[${i}]`)) } };
      }
      return { structValue: toStruct(value as Record<string, unknown>) };
    }
    default:
      throw notJson(path, typeof value);
  }
}

function fromFields(struct: Struct__Output, depth: number, maxDepth: number): Record<string, unknown> {
  if (depth > maxDepth) {
    throw new OutriggerError('invalid_argument', `the message nests deeper than ${maxDepth} levels`, {
      next: 'Flatten the specification.',
    });
  }
  const object: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(struct.fields)) {
    define(object, key, fromValue(value, key, depth, maxDepth));
  }
  return object;
}

function fromValue(value: Value__Output, path: string, depth: number, maxDepth: number): unknown {
  switch (value.kind) {
    case 'stringValue':
      return value.stringValue;
    case 'boolValue':
      return value.boolValue;
    case 'nullValue':
      return null;
    case 'numberValue': {
      const number = value.numberValue as number;
      if (!Number.isFinite(number)) throw notJson(path, String(number));
      return number;
    }
    case 'structValue':
      return fromFields(value.structValue!, depth + 1, maxDepth);
    case 'listValue':
      if (depth >= maxDepth) return fromFields({ fields: {} }, depth + 1, maxDepth);
      return value.listValue!.values.map((item, i) => fromValue(item, `${path}[${i}]`, depth + 1, maxDepth));
    case undefined:
      throw notJson(path, 'a value without a kind');
    default:
      return value.kind satisfies never;
  }
}

/** Plain assignment to a key called `__proto__` would change the prototype instead of adding a property. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function notJson(path: string, found: string): OutriggerError {
  return new OutriggerError('invalid_argument', `${path}: expected a JSON value, found ${found}`, {
    next: 'Send null, booleans, finite numbers, strings, lists and objects only.',
  });
}

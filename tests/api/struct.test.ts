import test from 'ava';
import fc from 'fast-check';
import { fromStruct, toStruct } from '../../control-plane/api/struct.ts';
import { structShapeProblem } from '../../control-plane/api/struct-shape.ts';
import type { Struct__Output } from '../../proto/generated/google/protobuf/Struct.ts';
import { contractDefinition } from '../../proto/load.ts';

const apply = (
  contractDefinition()['outrigger.v1.Control'] as unknown as {
    Apply: {
      requestSerialize(message: object): Buffer;
      requestDeserialize(bytes: Buffer): { specs: Struct__Output[] };
    };
  }
).Apply;

const jsonObject = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 }));
const generous = { depth: 64, values: 1_000_000 };

test('any JSON object survives the way through an encoded Struct', t => {
  fc.assert(
    fc.property(jsonObject, object => {
      const bytes = apply.requestSerialize({ specs: [toStruct(object)] });
      t.is(structShapeProblem(bytes, generous), null);
      const [struct] = apply.requestDeserialize(bytes).specs;
      // JSON.stringify writes -0 as 0; a Struct keeps the sign.
      t.is(JSON.stringify(sorted(fromStruct(struct!))), JSON.stringify(sorted(object)));
    }),
  );
});

test('integers up to 2^53 keep their value', t => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), n => {
      const [struct] = apply.requestDeserialize(apply.requestSerialize({ specs: [toStruct({ n })] })).specs;
      t.is(fromStruct(struct!)['n'], n);
    }),
  );
});

test('a key called __proto__ stays a key', t => {
  const object = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
  const [struct] = apply.requestDeserialize(apply.requestSerialize({ specs: [toStruct(object)] })).specs;
  const back = fromStruct(struct!);
  t.is(Object.getPrototypeOf(back), Object.prototype);
  t.is((back as { polluted?: unknown }).polluted, undefined);
});

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, () => 1, 10n]) {
  test(`${String(value)} is refused on the way in and out`, t => {
    t.throws(() => toStruct({ deep: [value] }), { message: /deep\[0\]: expected a JSON value/ });
    if (typeof value !== 'number') return;
    const bytes = apply.requestSerialize({ specs: [{ fields: { n: { numberValue: value } } }] });
    t.throws(() => fromStruct(apply.requestDeserialize(bytes).specs[0]!), { message: /n: expected a JSON value/ });
  });
}

test('a value without a kind is refused', t => {
  const bytes = apply.requestSerialize({ specs: [{ fields: { empty: {} } }] });
  t.throws(() => fromStruct(apply.requestDeserialize(bytes).specs[0]!), { message: /without a kind/ });
});

test('nesting beyond the limit is refused, with and without a look at the bytes', t => {
  const nested = (depth: number): Record<string, unknown> =>
    JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
  const bytes = (depth: number) => apply.requestSerialize({ specs: [toStruct(nested(depth))] });
  t.is(structShapeProblem(bytes(20), { depth: 20, values: 100 }), null);
  t.regex(structShapeProblem(bytes(22), { depth: 20, values: 100 }) ?? '', /deeper than 20/);
  const [struct] = apply.requestDeserialize(bytes(22)).specs;
  t.throws(() => fromStruct(struct!, { maxDepth: 20 }), { message: /deeper than 20/ });
});

test('more values than the limit are seen in the bytes', t => {
  const bytes = apply.requestSerialize({ specs: [toStruct({ list: new Array(1_000).fill(null) })] });
  t.regex(structShapeProblem(bytes, { depth: 20, values: 400 }) ?? '', /more than 400 values/);
});

test('looking at arbitrary bytes never throws and always ends', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), bytes => {
      const problem = structShapeProblem(bytes, { depth: 8, values: 50 });
      t.true(problem === null || typeof problem === 'string');
    }),
    { numRuns: 2_000 },
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => [k, sorted(v)]);
}

import type { KeyPath } from './problem.ts';

/** The parts of a JSON Schema that say which keys there are. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** The keys that a grammar has at a path, read from its JSON Schema, which is made once, when it is first asked for. */
export function knownKeysOf(makeSchema: () => object): (path: KeyPath) => readonly string[] {
  let made: Schema | undefined;
  return path => {
    made ??= makeSchema() as Schema;
    let nodes = alternatives(made);
    for (const part of path) nodes = nodes.flatMap(node => alternatives(below(node, part)));
    return nodes.flatMap(node => Object.keys(node.properties ?? {}));
  };
}

function below({ properties, additionalProperties, items }: Schema, part: string | number): Schema {
  if (typeof part === 'number') return items ?? {};
  if (properties && Object.hasOwn(properties, part)) return properties[part]!;
  return typeof additionalProperties === 'object' ? additionalProperties : {};
}

function alternatives(node: Schema): readonly Schema[] {
  return node.anyOf ? node.anyOf.flatMap(alternatives) : [node];
}

import { createHash } from 'node:crypto';
import type { Engine, Member, NodeProfile } from '../ports.ts';
import type { ConfiguredNode, EngineSettings } from './configured-node.ts';
import { EngineClaims, type EngineIdentity } from './engine-claims.ts';
import type { NodesNote } from './nodes-note.ts';

export type ClosableEngine = Engine & { close(): void };

/** Makes the engine of a node. */
export type MakeEngine = (name: string, options: MakeEngineOptions) => ClosableEngine;

export interface MakeEngineOptions {
  readonly settings: EngineSettings;
  /** Told which engine answers there; throws where that is another node's. */
  readonly claim: (answering: EngineIdentity) => void;
  /** Told which stated devices turned out to be one with an earlier one, and do not count. */
  readonly onRepeatedDevices: (ids: readonly string[]) => void;
}

/**
 * The engines that are in use, by node. A node that is configured anew keeps its engine, with all that this knows and has
 * open, unless the way to it or what is said of it changed.
 */
export class Engines {
  readonly #make: MakeEngine;
  readonly #claims: EngineClaims;
  readonly #used = new Map<string, Used>();

  constructor(make: MakeEngine, note: NodesNote) {
    this.#make = make;
    this.#claims = new EngineClaims(note);
  }

  member({ name, profile, engine: settings }: ConfiguredNode): Member {
    const wanted = fingerprint(settings);
    const known = this.#used.get(name);
    const claim = (answering: EngineIdentity) => this.#claims.claim(name, answering);
    if (known?.settings === wanted) return this.#memberOf(name, known, profile);
    const repeated: { ids: readonly string[] } = { ids: [] };
    const onRepeatedDevices = (ids: readonly string[]) => {
      repeated.ids = ids;
    };
    const used = { settings: wanted, repeated, engine: this.#make(name, { settings, claim, onRepeatedDevices }) };
    this.#used.set(name, used);
    return this.#memberOf(name, used, profile);
  }

  /** As EngineClaims has it. */
  onOneEngine(isRenamed: (from: string, to: string) => boolean): void {
    this.#claims.onOneEngine(isRenamed);
  }

  /** As EngineClaims has it. */
  onAnotherEngine(isVacant: (node: string) => boolean): void {
    this.#claims.onAnotherEngine(isVacant);
  }

  /** What the engines say against what is stated of them, a line for each. */
  problems(): readonly string[] {
    return [...this.#used].flatMap(([name, { repeated }]) =>
      repeated.ids.map(
        id =>
          `nodes.${name}.devices: "${id}" is a device that is stated before it under another name; it does not count`,
      ),
    );
  }

  #memberOf(name: string, { engine }: Used, profile: NodeProfile): Member {
    const untouched = !this.#claims.isKnown(name);
    return { engine, profile, ...(untouched && { untouched }), close: () => this.#close(name, engine) };
  }

  #close(name: string, engine: ClosableEngine): void {
    engine.close();
    // By now the name may have another one.
    if (this.#used.get(name)?.engine === engine) this.#used.delete(name);
  }
}

interface Used {
  readonly settings: string;
  readonly engine: ClosableEngine;
  readonly repeated: { readonly ids: readonly string[] };
}

function fingerprint({ connection, ...rest }: EngineSettings): string {
  const way = connection.kind === 'ssh' ? { ...connection, environment: undefined } : connection;
  return createHash('sha256')
    .update(JSON.stringify([way, rest]))
    .digest('hex');
}

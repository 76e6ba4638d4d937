import { createHash } from 'node:crypto';
import type { Engine, Member } from '../ports.ts';
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
}

/**
 * The engines that are in use, by node. A node that is configured anew keeps its engine, with all that this knows and has
 * open, unless the way to it or what is said of it changed.
 */
export class Engines {
  readonly #make: MakeEngine;
  readonly #claims: EngineClaims;
  readonly #used = new Map<string, { settings: string; engine: ClosableEngine }>();

  constructor(make: MakeEngine, note: NodesNote) {
    this.#make = make;
    this.#claims = new EngineClaims(note);
  }

  member({ name, profile, engine: settings }: ConfiguredNode): Member {
    const wanted = fingerprint(settings);
    const known = this.#used.get(name);
    const claim = (answering: EngineIdentity) => this.#claims.claim(name, answering);
    const engine = known?.settings === wanted ? known.engine : this.#make(name, { settings, claim });
    this.#used.set(name, { settings: wanted, engine });
    return { engine, profile, close: () => this.#close(name, engine) };
  }

  #close(name: string, engine: ClosableEngine): void {
    engine.close();
    // By now the name may have another one.
    if (this.#used.get(name)?.engine === engine) this.#used.delete(name);
  }
}

function fingerprint({ connection, ...rest }: EngineSettings): string {
  const way = connection.kind === 'ssh' ? { ...connection, environment: undefined } : connection;
  return createHash('sha256')
    .update(JSON.stringify([way, rest]))
    .digest('hex');
}

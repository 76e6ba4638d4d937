import { OutriggerError } from '../core/errors.ts';
import { DEFAULT_NODE_POLICY } from '../core/node.ts';
import type { Member } from '../ports.ts';
import { type Configured, nameOf, wayOf } from './configure-node.ts';
import type { ConfiguredFile } from './configured-file.ts';
import type { Engines } from './engines.ts';
import type { FormerNodes } from './former-nodes.ts';
import { HiddenPaths } from './hidden-paths.ts';
import type { NodesInUse } from './node-source.ts';
import type { NodesNote } from './nodes-note.ts';
import { unreachableEngine } from './unreachable-engine.ts';

export interface ConfiguredMembersOptions {
  /** Absolute. */
  readonly file: string;
  readonly engines: Engines;
  readonly note: NodesNote;
  /** Fires at our own end. */
  readonly stopped: AbortSignal;
}

/** A version of the nodes file that counts, as nodes to be spoken to, and as nodes to be noted. */
export class ConfiguredMembers {
  readonly #options: ConfiguredMembersOptions;
  readonly #hidden: HiddenPaths;
  #nodes: readonly Configured[] = [];
  #inUse: NodesInUse = { members: [], policy: DEFAULT_NODE_POLICY };

  constructor(options: ConfiguredMembersOptions) {
    this.#options = options;
    this.#hidden = new HiddenPaths(options.note);
  }

  inUse(): NodesInUse {
    return this.#inUse;
  }

  /** Those of the file, in its order. */
  nodes(): readonly Configured[] {
    return this.#nodes;
  }

  /** The first version of this life: nobody but the note knows of the nodes before. */
  begin(version: Version, former: FormerNodes): void {
    this.#use(version, former);
    const present = new Set(version.nodes.map(nameOf));
    for (const name of former.goesOn.keys()) if (!present.has(name)) this.#options.note.remove(name);
    const formerNames = new Map([...former.goesOn].map(([from, to]) => [to, from]));
    const members = this.#inUse.members.map(member => {
      const formerName = formerNames.get(member.engine.node);
      return formerName === undefined ? member : { ...member, formerName };
    });
    const leaving = former.leaving.map(n => ({ ...this.#member(n), leaving: true }));
    this.#inUse = { ...this.#inUse, members: [...members, ...leaving, ...this.#deprived(former)] };
  }

  /** Another version: whoever speaks to the nodes before knows which of them leave, or go on under another name. */
  replace(version: Version, former: FormerNodes): void {
    this.#use(version, former);
    this.#inUse = { ...this.#inUse, members: [...this.#inUse.members, ...this.#deprived(former)] };
  }

  /**
   * An engine that was in use under a name that is not in the file any more answers under one that is: whichever way it is
   * reached now, what is there and what was decided about it goes on under that. Null: it is not so.
   */
  renamed(from: string, to: string): NodesInUse | null {
    const names = this.#nodes.map(nameOf);
    if (this.#options.stopped.aborted || names.includes(from) || !names.includes(to)) return null;
    // Those that leave do so without being named again: some of them may be gone by now.
    const members = this.#inUse.members.filter(m => !m.leaving);
    return {
      ...this.#inUse,
      members: members.map(m => (m.engine.node === to ? { ...m, formerName: from } : m)),
    };
  }

  /** As HiddenPaths has them. */
  hiddenPaths(): readonly string[] {
    return this.#hidden.all();
  }

  #use({ text, nodes, noted, policy }: Version, { leaving, deprived }: FormerNodes): void {
    const { note, file } = this.#options;
    this.#nodes = nodes;
    this.#inUse = { policy, members: nodes.map(n => this.#member(n)) };
    note.add([...noted, ...deprived.map(d => [nameOf(d.node), d.noted] as const)]);
    note.use({ path: file, text });
    this.#hidden.use(nodes);
    this.#hidden.leave([...leaving, ...deprived.map(d => d.node)]);
  }

  #deprived({ deprived }: FormerNodes): Member[] {
    return deprived.map(({ node, from }) => ({ ...this.#member(node), leaving: true, formerName: from }));
  }

  #member(configured: Configured): Member {
    const { engines, note, stopped } = this.#options;
    const name = nameOf(configured);
    const member = configured.kind === 'configured' ? engines.member(configured.node) : this.#silent(configured);
    return {
      ...member,
      close: () => {
        member.close?.();
        // At our own end all are closed, and the next control plane has them again.
        if (!stopped.aborted && !this.#nodes.some(n => nameOf(n) === name)) note.remove(name);
      },
    };
  }

  #silent({ name, profile, problem }: Extract<Configured, { kind: 'failed' }>): Member {
    const error = new OutriggerError('unavailable', problem.message, {
      next: `Mend nodes.${name} in ${this.#options.file}; it is looked at again.`,
      retryable: false,
    });
    return { engine: unreachableEngine(name, error), profile };
  }
}

type Version = Extract<ConfiguredFile, { kind: 'read' }>;

/** How each node of a version is reached, by its name. */
export function waysOf({ nodes }: Version): ReadonlyMap<string, string> {
  return new Map(nodes.map(wayOf));
}

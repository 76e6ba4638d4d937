import { OutriggerError } from '../core/errors.ts';
import type { NodesNote, NotedNode } from './nodes-note.ts';

export interface EngineIdentity {
  /** Made by the engine for itself. */
  readonly id: string;
  /** Its host's name, as copied machines have one id. */
  readonly hostName: string;
}

/**
 * Which node has which engine. An engine under two names would show each of its containers twice, once as a stale copy, so
 * the name that it is known by holds it, over restarts too, until that node is gone. And a name whose way leads to another
 * engine than before would show none of what runs on it, and have it all started anew: it waits for its own.
 */
export class EngineClaims {
  readonly #note: NodesNote;
  #isRenamed: (from: string, to: string) => boolean = () => false;
  #isVacant: (node: string) => boolean = () => false;
  /** Nodes that answered for the first time in this life: until then nothing was on them. */
  readonly #fresh = new Set<string>();

  constructor(note: NodesNote) {
    this.#note = note;
  }

  /**
   * Who is told that the engine of one node answered as another, and says whether it has that name now: then nobody else
   * has to be gone first.
   */
  onOneEngine(isRenamed: (from: string, to: string) => boolean): void {
    this.#isRenamed = isRenamed;
  }

  /** Who says whether nothing is lost where a node gets another engine; until somebody does, nobody knows. */
  onAnotherEngine(isVacant: (node: string) => boolean): void {
    this.#isVacant = isVacant;
  }

  /** Whether an engine has answered as this node, as far as is noted. */
  isKnown(node: string): boolean {
    return this.#note.nodes().get(node)?.engine !== undefined;
  }

  /**
   * The engine that answered as this node. Rejects with `conflict` what is known to be another node's engine, whichever
   * ways lead there, unless this is its name now; and what is not the engine that the node had, while it holds something.
   */
  claim(node: string, answering: EngineIdentity): void {
    const { id, hostName } = answering;
    const identity = `${id} ${hostName}`;
    const known = this.#note.nodes().get(node);
    if (known?.engine === identity) {
      this.#note.answered(node, identity);
      return;
    }
    if (known && isAnother(known, answering) && !this.#isVacant(node)) throw anotherEngine(node, known, answering);
    const holder = [...this.#note.nodes()].find(([name, { engine }]) => engine === identity && name !== node)?.[0];
    if (holder === undefined) {
      this.#answered(node, identity);
      return;
    }
    if (this.#isRenamed(holder, node)) {
      this.#note.remove(holder);
      this.#note.answered(node, identity);
      return;
    }
    if (this.#fresh.has(holder) && this.#isBefore(node, holder)) {
      this.#note.disown(holder);
      this.#answered(node, identity);
      return;
    }
    throw oneEngine(node, holder, hostName);
  }

  #answered(node: string, identity: string): void {
    if (this.#note.nodes().get(node)?.engine === undefined) this.#fresh.add(node);
    this.#note.answered(node, identity);
  }

  #isBefore(node: string, other: string): boolean {
    const names = [...this.#note.nodes().keys()];
    return names.indexOf(node) < names.indexOf(other);
  }
}

/** A name for an engine that has another one. */
export function oneEngine(node: string, holder: string, hostName: string): OutriggerError {
  return new OutriggerError('conflict', `${node} and ${holder} are one engine, on the host ${hostName}`, {
    next: `Until ${holder} is gone the engine counts as ${holder}. Keep that name for it, or take it out of the nodes file: what is there goes on under the other name then.`,
    retryable: false,
  });
}

/** Whether an error says that the way to a node leads to an engine that is not its own. */
export function isOfAnotherEngine({ details }: OutriggerError): boolean {
  return details['anotherEngine'] === true;
}

/**
 * By a way that was not used before both of id and host name have to be the same: copied machines have one id. By the same
 * way a host may get another name; and an engine of this machine that was set up anew is its successor.
 */
function isAnother({ engine, engineBy, ...node }: NotedNode, { id, hostName }: EngineIdentity): boolean {
  if (engine === undefined) return false;
  if (engineBy !== undefined) return true;
  const before = identityIn(engine);
  if (before.id === id) return false;
  const isHere = node.kind === 'local' || node.entry.engine?.startsWith('unix:') === true;
  return !isHere || before.hostName !== hostName;
}

function identityIn(engine: string): EngineIdentity {
  const [id = '', ...hostName] = engine.split(' ');
  return { id, hostName: hostName.join(' ') };
}

function anotherEngine(node: string, { engine = '', ...noted }: NotedNode, answering: EngineIdentity): OutriggerError {
  const inWords = ({ id, hostName }: EngineIdentity) => `${shortened(id)} on the host ${hostName}`;
  const mend =
    noted.kind === 'local'
      ? 'Mend DOCKER_HOST or the Docker context by which the control plane was started.'
      : `Mend its address in the nodes file. Where another machine took its place, give that a name of its own there.`;
  return new OutriggerError(
    'conflict',
    `${node} was the engine ${inWords(identityIn(engine))}, and ${inWords(answering)} answers now: nothing is done there`,
    {
      next: `${mend} Or give up what ran on the former one: outrigger nodes drain ${node}.`,
      retryable: false,
      details: { anotherEngine: true },
    },
  );
}

/** As much of an engine's id as a person compares. */
function shortened(id: string): string {
  return id.length > 12 ? `${id.slice(0, 12)}…` : id;
}

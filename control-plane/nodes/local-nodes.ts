import { readFile } from 'node:fs/promises';
import { toOutriggerError } from '../core/errors.ts';
import { DEFAULT_NODE_POLICY } from '../core/node.ts';
import type { Member } from '../ports.ts';
import type { Configured } from './configure-node.ts';
import type { ConfiguredNode } from './configured-node.ts';
import type { ConfiguredNodesOptions } from './configured-nodes.ts';
import { CONFIRM_MS, Doubt } from './doubt.ts';
import { FileWatch } from './file-watch.ts';
import { HiddenPaths } from './hidden-paths.ts';
import { localNode } from './local-node.ts';
import type { NodeSource, NodesFileInUse, NodesInUse } from './node-source.ts';
import type { NotedNode } from './nodes-note.ts';

export interface LocalNodesOptions extends Omit<ConfiguredNodesOptions, 'from'> {
  /** Somebody wants no nodes file: it is not waited for. */
  readonly isAlone: boolean;
}

/** This machine's engine as the only node, until a nodes file appears. From then on it is the file that counts. */
export class LocalNodes implements NodeSource {
  readonly #options: LocalNodesOptions;
  readonly #local: NodesInUse;
  readonly #hidden: readonly string[];
  /** Of nodes that leave. */
  readonly #left: HiddenPaths;
  readonly #stop: AbortController;
  #configured: NodeSource | null = null;
  #problem: string | null = null;
  #watch: FileWatch | null = null;
  #following: Promise<void> | null = null;

  private constructor(
    options: LocalNodesOptions,
    local: NodesInUse,
    { hidden, left, stop }: { hidden: readonly string[]; left: HiddenPaths; stop: AbortController },
  ) {
    this.#options = options;
    this.#stop = stop;
    this.#local = local;
    this.#hidden = hidden;
    this.#left = left;
  }

  static async open(options: LocalNodesOptions): Promise<LocalNodes> {
    const node = await localNode(options);
    const { engine, secretFiles } = node;
    const { note } = options;
    const stop = new AbortController();
    const noted: [string, NotedNode] = [node.name, { kind: 'local' }];
    const isAlone = [...note.nodes().keys()].every(name => name === node.name);
    if (isAlone) note.add([noted]);
    const left = new HiddenPaths(note);
    const others = isAlone ? null : await former(options, node, { noted, left, stopped: stop.signal });
    const own = { ...options.engines.member(node), ...others?.own };
    const local = { members: [own, ...(others?.leaving ?? [])], policy: DEFAULT_NODE_POLICY };
    note.use(null);
    const { connection } = engine;
    const hidden = [...secretFiles, ...(connection.kind === 'unix' ? [connection.socketPath] : [])];
    return new LocalNodes(options, local, { hidden, left, stop });
  }

  inUse(): NodesInUse {
    return this.#configured?.inUse() ?? this.#local;
  }

  file(): NodesFileInUse | null {
    return this.#configured?.file() ?? null;
  }

  problem(): string | null {
    return this.#configured?.problem() ?? this.#problem;
  }

  hiddenPaths(): readonly string[] {
    return [...new Set([...this.#hidden, ...this.#left.all(), ...(this.#configured?.hiddenPaths() ?? [])])];
  }

  follow(onChange: (nodes: NodesInUse) => void, isVacant?: (node: string) => boolean): void {
    const { file, clock, isAlone, engines, confirmMs = CONFIRM_MS } = this.#options;
    if (isVacant) engines.onAnotherEngine(isVacant);
    if (this.#following || isAlone) return;
    const found = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, found.signal]);
    this.#watch = new FileWatch(file, { clock, signal });
    const doubt = new Doubt({ clock, confirmMs });
    this.#following = this.#watch.run(async asked => {
      const text = await readFile(file, 'utf8').catch(() => null);
      // It takes the local node away.
      const leftMs = text === null || asked ? null : doubt.leftMs(text);
      if (leftMs !== null) return leftMs;
      if (text === null || !(await this.#open())) return null;
      found.abort();
      if (this.#stop.signal.aborted) return null;
      onChange(this.inUse());
      this.#configured?.follow(onChange, isVacant);
      return null;
    });
  }

  reread(): void {
    if (this.#configured) this.#configured.reread();
    else this.#watch?.ask();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#configured?.close();
    await this.#options.note.close();
  }

  /** False where the file cannot be used yet. */
  async #open(): Promise<boolean> {
    const { file, log } = this.#options;
    try {
      const { ConfiguredNodes } = await import('./configured-nodes.ts');
      this.#configured = await ConfiguredNodes.open({ ...this.#options, from: 'state_folder' }, { isConfirmed: true });
      log.info({ file }, 'a nodes file is there from now on');
      return true;
    } catch (thrown) {
      const { message } = toOutriggerError(thrown);
      if (message !== this.#problem) log.error({ file, problem: message }, 'the nodes file cannot be used');
      this.#problem = message;
      return false;
    }
  }
}

/** Nodes of a file that was there once; notes those that there are from now on. @param given left: told of those that leave */
async function former(
  options: LocalNodesOptions,
  local: ConfiguredNode,
  {
    noted,
    left,
    stopped,
  }: { readonly noted: readonly [string, NotedNode]; readonly left: HiddenPaths; readonly stopped: AbortSignal },
): Promise<{ own: Pick<Member, 'formerName'>; leaving: readonly Member[] }> {
  const { formerNodes } = await import('./former-nodes.ts');
  const { note } = options;
  const present = new Map([[local.name, local.profile.connection]]);
  const { leaving, deprived, goesOn } = await formerNodes(note, present, options);
  // One that has another name now would be nobody's after a crash, and its containers with it.
  note.add([noted, ...deprived.map(d => [d.to, d.noted] as const)], goesOn);
  for (const name of goesOn.keys()) if (!present.has(name)) note.remove(name);
  left.leave([...leaving, ...deprived.map(d => d.node)]);
  const member = (one: Configured, from?: string): Member[] => {
    if (one.kind === 'failed') return [];
    const known = options.engines.member(one.node);
    const close = () => {
      known.close?.();
      if (!stopped.aborted) note.remove(one.node.name);
    };
    return [{ ...known, leaving: true, close, ...(from === undefined ? {} : { formerName: from }) }];
  };
  const formerName = [...goesOn].find(([, to]) => to === local.name)?.[0];
  return {
    own: formerName === undefined ? {} : { formerName },
    leaving: [...leaving.flatMap(one => member(one)), ...deprived.flatMap(d => member(d.node, d.from))],
  };
}

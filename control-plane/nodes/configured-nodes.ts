import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { formatLocated } from '../compose/format-located.ts';
import type { Located } from '../compose/problem.ts';
import { OutriggerError } from '../core/errors.ts';
import { DEFAULT_NODE_POLICY, type NodePolicy } from '../core/node.ts';
import type { Clock, Member } from '../ports.ts';
import { type Configured, configureNode } from './configure-node.ts';
import { CONFIRM_MS, Doubt } from './doubt.ts';
import type { Engines } from './engines.ts';
import { FileWatch } from './file-watch.ts';
import { formerNodes } from './former-nodes.ts';
import { NO_NODES_FILE } from './no-nodes-file.ts';
import type { NodeSource, NodesFileFrom, NodesFileInUse, NodesInUse } from './node-source.ts';
import { type NodesNote, type NotedNode, noteOf } from './nodes-note.ts';
import { readNodesFile } from './read-nodes-file.ts';
import { unreachableEngine } from './unreachable-engine.ts';

export interface ConfiguredNodesOptions {
  /** Absolute. */
  readonly file: string;
  readonly from: NodesFileFrom;
  readonly engines: Engines;
  readonly note: NodesNote;
  /** What nodes of this machine publish on where their entry does not say. */
  readonly publishOn?: string;
  readonly environment: NodeJS.ProcessEnv;
  /** How long a version that takes nodes away has to stay as it is before it counts. */
  readonly confirmMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The nodes that the operator wants, read again whenever their file changes. A version that is wrong changes nothing: the
 * nodes stay as they are, and `problem()` says what is wrong until a right one comes.
 */
export class ConfiguredNodes implements NodeSource {
  readonly #options: ConfiguredNodesOptions;
  readonly #stop = new AbortController();
  /** Of the last version that was tried. */
  #text = '';
  #used: NodesInUse = { members: [], policy: DEFAULT_NODE_POLICY };
  #nodes: readonly Configured[] = [];
  #problem: string | null = null;
  /** Something that the file names was not there: it may come without the file being touched. */
  #incomplete = false;
  readonly #doubt: Doubt;
  #following: Promise<void> | null = null;
  #watch: FileWatch | null = null;

  private constructor(options: ConfiguredNodesOptions) {
    this.#options = options;
    this.#doubt = new Doubt({ clock: options.clock, confirmMs: options.confirmMs ?? CONFIRM_MS });
  }

  /**
   * Reads the file for the first time. Rejects with `invalid_argument` where it is missing or wrong; one that nobody named
   * and that was there at the last start may be missing. A node whose context or certificate is missing is no reason for
   * that: it is there and does not answer.
   */
  static async open(options: ConfiguredNodesOptions): Promise<ConfiguredNodes> {
    const nodes = new ConfiguredNodes(options);
    const { file, note, from } = options;
    const found = await readText(file);
    const noted = note.nodesFile();
    const text = found ?? (from !== 'named' && noted?.path === file ? noted.text : null);
    if (text === null) throw refusal(options, [`${file} does not exist`]);
    nodes.#text = text;
    const read = await nodes.#configure(text);
    if (read.kind === 'refused') throw refusal(options, read.problems);
    const { leaving: former, formerNames } = await formerNodes(options.note, new Map(read.nodes.map(wayOf)), options);
    nodes.#use(read);
    if (found === null) nodes.#miss();
    else nodes.#say(failures(read.nodes, read.locate));
    const leaving = former.map(n => ({ ...nodes.#member(n), leaving: true }));
    const named = nodes.#used.members.map(member => {
      const formerName = formerNames.get(member.engine.node);
      return formerName === undefined ? member : { ...member, formerName };
    });
    nodes.#used = { ...nodes.#used, members: [...named, ...leaving] };
    return nodes;
  }

  inUse(): NodesInUse {
    return this.#used;
  }

  file(): NodesFileInUse {
    return { path: this.#options.file, from: this.#options.from };
  }

  problem(): string | null {
    const problems = [...(this.#problem === null ? [] : [this.#problem]), ...this.#options.engines.problems()];
    return problems.length === 0 ? null : problems.join('\n');
  }

  hiddenPaths(): readonly string[] {
    const ofNodes = this.#nodes.flatMap(configured => {
      if (configured.kind === 'failed') return [];
      const { engine, secretFiles } = configured.node;
      const socket = engine.connection.kind === 'tcp' ? undefined : engine.connection.socketPath;
      return socket === undefined ? secretFiles : [...secretFiles, socket];
    });
    return [this.#options.file, ...ofNodes];
  }

  follow(onChange: (nodes: NodesInUse) => void): void {
    if (this.#following) return;
    const { file, clock } = this.#options;
    this.#watch = new FileWatch(file, { clock, signal: this.#stop.signal });
    this.#following = this.#watch.run(async asked => {
      const outcome = await this.#reread(asked);
      if (outcome.kind === 'changed') onChange(this.#used);
      return outcome.kind === 'doubtful' ? outcome.leftMs : null;
    });
  }

  reread(): void {
    this.#watch?.ask();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#options.note.close();
  }

  /** Never rejects. */
  async #reread(asked: boolean): Promise<Reread> {
    const { file, log } = this.#options;
    try {
      const text = await readText(file);
      if (text === null) {
        this.#miss();
        return SAME;
      }
      if (text === this.#text && !asked && !this.#incomplete) {
        this.#doubt.clear();
        return SAME;
      }
      const read = await this.#configure(text);
      const failed = read.kind === 'read' ? failures(read.nodes, read.locate) : [];
      if (read.kind === 'read' && failed.length === 0 && !asked && this.#takesAway(read)) {
        if (text !== this.#doubt.text)
          log.info({ file }, 'the nodes file takes nodes away; it is read again before it counts');
        const leftMs = this.#doubt.leftMs(text);
        if (leftMs !== null) return { kind: 'doubtful', leftMs };
      }
      this.#doubt.clear();
      this.#text = text;
      if (read.kind === 'refused') {
        this.#incomplete = false;
        this.#say(read.problems);
        return SAME;
      }
      this.#incomplete = failed.length > 0;
      this.#say(failed);
      if (failed.length > 0 || this.#stop.signal.aborted) return SAME;
      this.#use(read);
      log.info({ file, nodes: read.nodes.map(nameOf) }, 'the nodes file was read');
      return { kind: 'changed' };
    } catch (error) {
      this.#say([(error as Error).message]);
      return SAME;
    }
  }

  /** Whether a node of now is not in it, or is reached another way. */
  #takesAway({ nodes }: Pick<Read, 'nodes'>): boolean {
    const ways = new Map(nodes.map(wayOf));
    return this.#nodes.some(node => {
      const [name, way] = wayOf(node);
      return node.kind === 'failed' ? !ways.has(name) : ways.get(name) !== way;
    });
  }

  /** Nobody takes all nodes away by a slip; who wants fewer writes so. */
  #miss(): void {
    // It may come back as it was.
    this.#incomplete = true;
    this.#say([`${this.#options.file} is not there any more; the nodes stay as they were`]);
  }

  async #configure(text: string) {
    const { file, environment, publishOn, log } = this.#options;
    const reading = readNodesFile(file, text);
    if (reading.kind === 'refused') return { ...reading, problems: reading.problems.map(p => formatLocated(p)) };
    const { content, sources, warnings } = reading;
    if ((text !== this.#text && text !== this.#doubt.text) || this.#nodes.length === 0) {
      for (const warning of warnings) log.warn({ file }, formatLocated(warning));
    }
    const around = { folder: path.dirname(file), environment, ...(publishOn === undefined ? {} : { publishOn }) };
    const nodes = await Promise.all(
      Object.entries(content.nodes).map(([name, entry]) => configureNode(name, entry, around)),
    );
    const policy: NodePolicy = {
      lostAfterMs: content.lost_after,
      replaceAfterMs: content.replace_after,
      quarantineMs: content.quarantine,
    };
    const noted = Object.entries(content.nodes).map(([name, entry]) => [name, noteOf(entry, around.folder)] as const);
    return {
      kind: 'read' as const,
      text,
      nodes,
      noted,
      policy,
      locate: (failed: Failed) => sources.locate(failed.problem),
    };
  }

  #use({ text, nodes, noted, policy }: Read): void {
    this.#nodes = nodes;
    this.#incomplete = nodes.some(n => n.kind === 'failed');
    this.#used = { policy, members: nodes.map(n => this.#member(n)) };
    this.#options.note.add(noted);
    this.#options.note.use({ path: this.#options.file, text });
  }

  #member(configured: Configured): Member {
    const name = nameOf(configured);
    const member =
      configured.kind === 'configured' ? this.#options.engines.member(configured.node) : this.#silent(configured);
    return {
      ...member,
      close: () => {
        member.close?.();
        // At our own end all are closed, and the next control plane has them again.
        if (!this.#stop.signal.aborted && !this.#nodes.some(n => nameOf(n) === name)) this.#options.note.remove(name);
      },
    };
  }

  #silent({ name, profile, problem }: Failed): Member {
    const error = new OutriggerError('unavailable', problem.message, {
      next: `Mend nodes.${name} in ${this.#options.file}; it is looked at again.`,
      retryable: false,
    });
    return { engine: unreachableEngine(name, error), profile };
  }

  /** Remembers what is wrong; logged when it changes. */
  #say(problems: readonly string[]): void {
    const problem = problems.length === 0 ? null : problems.join('\n');
    if (problem === this.#problem) return;
    this.#problem = problem;
    const { log, file } = this.#options;
    if (problem === null) log.info({ file }, 'nothing is wrong with the nodes file any more');
    else log.error({ file, problems }, 'the nodes file is not as it should be; the nodes stay as they were');
  }
}

type Reread =
  | { readonly kind: 'changed' | 'same' }
  /** It may be half of a file. */
  | { readonly kind: 'doubtful'; readonly leftMs: number };
const SAME: Reread = { kind: 'same' };

interface Read {
  readonly text: string;
  readonly nodes: readonly Configured[];
  readonly noted: readonly (readonly [string, NotedNode])[];
  readonly policy: NodePolicy;
}
type Failed = Extract<Configured, { kind: 'failed' }>;

function failures(nodes: readonly Configured[], locate: (failed: Failed) => Located): readonly string[] {
  return nodes.flatMap(n => (n.kind === 'failed' ? [formatLocated(locate(n))] : []));
}

function nameOf(configured: Configured): string {
  return configured.kind === 'configured' ? configured.node.name : configured.name;
}

function wayOf(configured: Configured): readonly [string, string] {
  const { profile } = configured.kind === 'configured' ? configured.node : configured;
  return [nameOf(configured), profile.connection];
}

function refusal({ file, from }: { file: string; from: NodesFileFrom }, problems: readonly string[]): OutriggerError {
  const other = ` It is the file of the last start; --nodes FILE names another, --nodes ${NO_NODES_FILE} none.`;
  return new OutriggerError('invalid_argument', `The nodes file cannot be used:\n${problems.join('\n')}`, {
    next: `docs/nodes.md says what may stand there.${from === 'last_start' ? other : ''}`,
    details: { file },
  });
}

/** null where there is none. */
async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new OutriggerError('invalid_argument', `The nodes file ${file} cannot be read: ${message}`, {
      next: 'Name a file that this user may read.',
      cause: error,
    });
  }
}

import type { Logger } from 'pino';
import { OutriggerError } from '../core/errors.ts';
import type { Clock } from '../ports.ts';
import { nameOf } from './configure-node.ts';
import { type ConfiguredFile, configureFile, mayTakeAway, takesAway } from './configured-file.ts';
import { ConfiguredMembers, waysOf } from './configured-members.ts';
import { CONFIRM_MS, Doubt } from './doubt.ts';
import type { Engines } from './engines.ts';
import { FileWatch } from './file-watch.ts';
import { formerNodes } from './former-nodes.ts';
import { NO_NODES_FILE } from './no-nodes-file.ts';
import type { NodeSource, NodesFileFrom, NodesFileInUse, NodesInUse } from './node-source.ts';
import type { NodesNote } from './nodes-note.ts';
import { readNodesText } from './nodes-text.ts';
import { settledText } from './settled-text.ts';

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
  /** Fires when nobody waits for the start any more. */
  readonly signal?: AbortSignal;
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
  readonly #members: ConfiguredMembers;
  #problem: string | null = null;
  /** Something that the file names was not there: it may come without the file being touched. */
  #incomplete = false;
  readonly #doubt: Doubt;
  #following: Promise<void> | null = null;
  #watch: FileWatch | null = null;

  private constructor(options: ConfiguredNodesOptions) {
    this.#options = options;
    this.#members = new ConfiguredMembers({ ...options, stopped: this.#stop.signal });
    this.#doubt = new Doubt({ clock: options.clock, confirmMs: options.confirmMs ?? CONFIRM_MS });
  }

  /**
   * Reads the file for the first time. Rejects with `invalid_argument` where it is missing or wrong; one that nobody named
   * and that was there at the last start may be missing. A node whose context or certificate is missing is no reason for
   * that: it is there and does not answer.
   * @param given isConfirmed: the file is whole, whatever it says
   */
  static async open(options: ConfiguredNodesOptions, given = { isConfirmed: false }): Promise<ConfiguredNodes> {
    const nodes = new ConfiguredNodes(options);
    const { file, note, from } = options;
    const found = given.isConfirmed ? ((await readNodesText(file))?.text ?? null) : await nodes.#settledText();
    const noted = note.nodesFile();
    const text = found ?? (from !== 'named' && noted?.path === file ? noted.text : null);
    if (text === null) throw refusal(options, [`${file} does not exist`]);
    nodes.#text = text;
    const read = await nodes.#configure(text);
    if (read.kind === 'refused') throw refusal(options, read.problems);
    nodes.#members.begin(read, await formerNodes(note, waysOf(read), options));
    nodes.#incomplete = read.failures.length > 0;
    if (found === null) nodes.#miss();
    else nodes.#say(read.failures);
    return nodes;
  }

  inUse(): NodesInUse {
    return this.#members.inUse();
  }

  file(): NodesFileInUse {
    return { path: this.#options.file, from: this.#options.from };
  }

  problem(): string | null {
    const problems = [...(this.#problem === null ? [] : [this.#problem]), ...this.#options.engines.problems()];
    return problems.length === 0 ? null : problems.join('\n');
  }

  hiddenPaths(): readonly string[] {
    return [this.#options.file, ...this.#members.hiddenPaths()];
  }

  follow(onChange: (nodes: NodesInUse) => void, isVacant?: (node: string) => boolean): void {
    if (this.#following) return;
    const { file, clock, engines } = this.#options;
    if (isVacant) engines.onAnotherEngine(isVacant);
    engines.onOneEngine((from, to) => {
      const renamed = this.#members.renamed(from, to);
      if (renamed) onChange(renamed);
      return renamed !== null;
    });
    this.#watch = new FileWatch(file, { clock, signal: this.#stop.signal });
    this.#following = this.#watch.run(async asked => {
      const outcome = await this.#reread(asked);
      if (outcome.kind === 'changed') onChange(this.#members.inUse());
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
      const text = (await readNodesText(file))?.text ?? null;
      if (text === null) {
        this.#miss();
        return SAME;
      }
      if (text === this.#text && !asked && !this.#incomplete) {
        this.#doubt.clear();
        return SAME;
      }
      const read = await this.#configure(text);
      const failed = read.kind === 'read' ? read.failures : [];
      if (read.kind === 'read' && failed.length === 0 && !asked && takesAway(this.#members.nodes(), read.nodes)) {
        if (text !== this.#doubt.text)
          log.info({ file }, 'the nodes file takes nodes away; it is read again before it counts');
        const leftMs = this.#doubt.leftMs(text);
        if (leftMs !== null) return { kind: 'doubtful', leftMs };
      }
      this.#doubt.clear();
      this.#text = text;
      if (read.kind === 'refused') {
        this.#incomplete = false;
        this.#say([...read.problems, this.#unchanged()]);
        return SAME;
      }
      this.#incomplete = failed.length > 0;
      this.#say(failed.length === 0 ? [] : [...failed, this.#unchanged()]);
      if (failed.length > 0 || this.#stop.signal.aborted) return SAME;
      const former = await formerNodes(this.#options.note, waysOf(read), this.#options);
      if (this.#stop.signal.aborted) return SAME;
      this.#members.replace(read, former);
      log.info({ file, nodes: read.nodes.map(nameOf) }, 'the nodes file was read');
      return { kind: 'changed' };
    } catch (error) {
      this.#say([(error as Error).message]);
      return SAME;
    }
  }

  /** Nobody takes all nodes away by a slip; who wants fewer writes so. */
  #miss(): void {
    // It may come back as it was.
    this.#incomplete = true;
    this.#say([`${this.#options.file} is not there any more; the nodes stay as they were`]);
  }

  /** What a person sees who reads what is wrong with the newest version. */
  #unchanged(): string {
    return `until ${this.#options.file} is mended, the nodes stay as they were`;
  }

  /** As it is at a start; one that may be half of a file is waited for. */
  #settledText(): Promise<string | null> {
    const { file, from, note, clock, log, confirmMs = CONFIRM_MS, signal = this.#stop.signal } = this.#options;
    return settledText(file, {
      // Where nobody named it, what it said last does.
      isDoubted: text => (text !== null || from === 'named') && mayTakeAway(file, text, note),
      confirmMs,
      clock,
      signal,
      onWait: () => log.info({ file }, 'the nodes file was just written; it is read again before it counts'),
    });
  }

  async #configure(text: string): Promise<ConfiguredFile> {
    const { file, log } = this.#options;
    const read = await configureFile(file, text, this.#options);
    const isNews = (text !== this.#text && text !== this.#doubt.text) || this.#members.nodes().length === 0;
    if (read.kind === 'read' && isNews) for (const warning of read.warnings) log.warn({ file }, warning);
    return read;
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

function refusal({ file, from }: { file: string; from: NodesFileFrom }, problems: readonly string[]): OutriggerError {
  const other = ` It is the file of the last start; --nodes FILE names another, --nodes ${NO_NODES_FILE} none.`;
  return new OutriggerError('invalid_argument', `The nodes file cannot be used:\n${problems.join('\n')}`, {
    next: `docs/nodes.md says what may stand there.${from === 'last_start' ? other : ''}`,
    details: { file },
  });
}

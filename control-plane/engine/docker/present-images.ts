import type { Clock } from '../../ports.ts';
import type { EngineClient } from './engine-client.ts';
import { Refresh } from './refresh.ts';

/** The parts of the engine's `/images/json` that are read. */
export interface ImageSummary {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
}

/**
 * Names of the images that a node has: a hint for placement. Asked for once an event said that they changed, and every few
 * minutes because events get lost; no listing waits for it, except the first, and that not for long.
 */
export class PresentImages {
  readonly #client: EngineClient;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #refresh = new Refresh(() => this.#ask());
  #names: ReadonlySet<string> = new Set();
  #asked = false;
  /** When the engine is asked again, by the Clock. */
  #staleAt = 0;

  constructor(client: EngineClient, options: { clock: Clock; onChange: () => void }) {
    this.#client = client;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
  }

  async names(signal: AbortSignal): Promise<ReadonlySet<string>> {
    if (this.#clock.now() < this.#staleAt) return this.#names;
    const first = !this.#asked;
    const asking = this.#refresh.begin().catch(() => {});
    if (first) {
      const patience = { doing: 'listing images', deadlineMs: FIRST_WAIT_MS, signal };
      await this.#client.bounded(patience, () => asking).catch(() => {});
    }
    return this.#names;
  }

  /** They changed: the next listing has the engine asked. */
  forget(): void {
    this.#staleAt = 0;
  }

  async #ask(): Promise<void> {
    this.#asked = true;
    // Set before it is asked: a change that is announced meanwhile counts for the next time.
    this.#staleAt = this.#clock.now() + RETRY_MS;
    const staleAt = this.#staleAt;
    const summaries = await this.#client.get<readonly ImageSummary[]>({
      doing: 'listing images',
      path: '/images/json',
      signal: new AbortController().signal,
    });
    if (this.#staleAt === staleAt) this.#staleAt = this.#clock.now() + KEPT_MS;
    const names = new Set(summaries.flatMap(imageNames));
    if (sameNames(names, this.#names)) return;
    this.#names = names;
    this.#onChange();
  }
}

/**
 * Every way in which a service may name the image: its id, `name:tag` and `name@digest`, each also with the registry and
 * the folder that Docker leaves out, and `latest` left out.
 */
export function imageNames({ Id, RepoTags, RepoDigests }: ImageSummary): string[] {
  const references = [...(RepoTags ?? []), ...(RepoDigests ?? [])].filter(name => !name.startsWith('<none>'));
  const full = references.flatMap(name => [name, ...withRegistry(name)]);
  return [Id, ...full.flatMap(name => (name.endsWith(':latest') ? [name, name.slice(0, -':latest'.length)] : [name]))];
}

/** https://pkg.go.dev/github.com/distribution/reference: a first part without a dot or a colon is no registry. */
function withRegistry(name: string): string[] {
  const [first = '', ...rest] = name.split('/');
  if (rest.length === 0) return [`docker.io/library/${name}`, `library/${name}`];
  return /[.:]/.test(first) || first === 'localhost' ? [] : [`docker.io/${name}`];
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(name => b.has(name));
}

const KEPT_MS = 5 * 60_000;
const RETRY_MS = 10_000;
const FIRST_WAIT_MS = 1_000;

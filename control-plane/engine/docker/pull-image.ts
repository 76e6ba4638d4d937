import type { Readable } from 'node:stream';
import type { Action } from '../../core/actions.ts';
import { OutriggerError } from '../../core/errors.ts';
import type { ImageState } from '../../core/observed.ts';
import type { Clock } from '../../ports.ts';
import type { EngineClient, EngineDeadlines } from './engine-client.ts';
import { jsonLines } from './json-lines.ts';
import { type PullMessage, PullProgress } from './pull-progress.ts';
import { pullRefusal } from './pull-refusal.ts';
import { type RegistryAuth, registryAuth } from './registry-auth.ts';
import { statusOf, translateError } from './translate-error.ts';

type PullRequest = Extract<Action, { kind: 'pull' }>;

/** Resolves once the image is there. What the engine's stream says about success is not believed: the image is looked up. */
export async function pullImage(
  client: EngineClient,
  request: PullRequest,
  options: {
    onProgress: (state: ImageState) => void;
    clock: Clock;
    signal: AbortSignal;
    environment?: NodeJS.ProcessEnv;
  },
): Promise<void> {
  const { image, policy } = request;
  const { signal } = options;
  const present = await imageId(client, image, signal);
  if (present !== null && policy !== 'always') return;
  if (policy === 'never') {
    throw new OutriggerError(
      'image_unavailable',
      `The image ${image} is not on node ${request.node}, and it is one that is never pulled`,
      {
        next: 'Check its name, or build it there. Or push it to a registry that the nodes reach, and have it pulled with `pull_policy: missing`.',
      },
    );
  }
  const auth = await registryAuth(image, {
    deadlineMs: client.deadlines.credentialsMs,
    signal,
    ...(options.environment && { environment: options.environment }),
  });
  await pull(client, request, auth, options);
  if ((await imageId(client, image, signal)) === null) {
    throw new OutriggerError('image_unavailable', `The pull of ${image} ended, and the image is not there`, {
      next: `See what \`docker pull ${image}\` says.`,
    });
  }
}

/** The image's content id, or null where it is not there. */
export async function imageId(client: EngineClient, image: string, signal: AbortSignal): Promise<string | null> {
  return client
    .get<{ Id: string }>({ doing: `looking up image ${image}`, path: `/images/${encodeURI(image)}/json`, signal })
    .then(
      ({ Id }) => Id,
      (error: OutriggerError) => {
        if (statusOf(error) === 404) return null;
        throw error;
      },
    );
}

/** `repository` and `tag` as the engine takes them: without a tag it would pull every tag there is. */
export function splitReference(image: string): { fromImage: string; tag: string } {
  const at = image.indexOf('@');
  if (at >= 0) return { fromImage: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/')
    ? { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { fromImage: image, tag: 'latest' };
}

async function pull(
  client: EngineClient,
  request: PullRequest,
  auth: RegistryAuth | null,
  options: { onProgress: (state: ImageState) => void; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const doing = `pulling image ${request.image}`;
  const progress = new PullProgress();
  const patience = new Patience(client.deadlines, options.clock, doing);
  const signal = AbortSignal.any([options.signal, patience.over]);
  let reportedAt = Number.NEGATIVE_INFINITY;
  let stream: Readable | undefined;
  try {
    const query = { ...splitReference(request.image), ...(request.platform && { platform: request.platform }) };
    stream = await client.stream(
      {
        doing,
        method: 'POST',
        path: '/images/create',
        query,
        deadlineMs: client.deadlines.pullIdleMs,
        ...(auth && { auth }),
      },
      signal,
    );
    for await (const line of jsonLines(stream)) {
      const message = line as PullMessage;
      if (message.error !== undefined || message.errorDetail) {
        throw pullRefusal(
          request.image,
          message.errorDetail?.message ?? message.error ?? 'no reason given',
          client.address,
        );
      }
      const isNews = progress.add(message);
      patience.heard(progress);
      const now = options.clock.now();
      if (isNews && now - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = now;
        options.onProgress(progress.state());
      }
    }
    if (signal.aborted) throw signal.reason;
  } catch (error) {
    if (patience.over.aborted) throw patience.over.reason;
    if (options.signal.aborted) throw new OutriggerError('timeout', `${doing} was given up`, { cause: error });
    const translated = translateError(error, { doing, engine: client.address, certificates: client.certificates });
    // The engine answered: what it says is about this image and its registry, except that its disk may be full.
    const answered = statusOf(translated) !== undefined && translated.code !== 'out_of_resources';
    throw answered ? pullRefusal(request.image, withoutPrefix(translated.message, doing), client.address) : translated;
  } finally {
    patience.end();
    stream?.destroy();
  }
}

function withoutPrefix(message: string, doing: string): string {
  return message.startsWith(`${doing}: `) ? message.slice(doing.length + 2) : message;
}

/**
 * How long silence is borne before a pull counts as hung. What downloads is told of several times a second, and a registry that
 * hangs is waited for by the engine without end. What is unpacked is told of as it is read: a chunk that unpacks to gigabytes, or
 * a slow disk that has to write them out, may take minutes in which nothing is said.
 */
class Patience {
  readonly #over = new AbortController();
  readonly #deadlines: Pick<EngineDeadlines, 'pullIdleMs' | 'unpackIdleMs'>;
  readonly #clock: Clock;
  readonly #doing: string;
  #cancel = () => {};

  constructor(deadlines: Pick<EngineDeadlines, 'pullIdleMs' | 'unpackIdleMs'>, clock: Clock, doing: string) {
    this.#deadlines = deadlines;
    this.#clock = clock;
    this.#doing = doing;
    this.heard({ hasArrived: false });
  }

  /** Fires with what is to be said. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  heard({ hasArrived }: Pick<PullProgress, 'hasArrived'>): void {
    this.#cancel();
    const { pullIdleMs, unpackIdleMs } = this.#deadlines;
    const silentMs = hasArrived ? unpackIdleMs : pullIdleMs;
    this.#cancel = this.#clock.alarm(silentMs, () => this.#over.abort(this.#hung(silentMs, hasArrived)));
  }

  end(): void {
    this.#cancel();
  }

  #hung(silentMs: number, hasArrived: boolean): OutriggerError {
    const forS = `for ${Math.round(silentMs / 1_000)} s`;
    return hasArrived
      ? new OutriggerError('timeout', `${this.#doing}: all was received, and nothing more was unpacked ${forS}`, {
          next: 'See what the disk of that engine is busy with. It is tried again.',
        })
      : new OutriggerError('timeout', `${this.#doing}: nothing was received ${forS}`, {
          next: 'Check that the engine reaches the image registry. It is tried again.',
        });
  }
}

const REPORT_EVERY_MS = 100;

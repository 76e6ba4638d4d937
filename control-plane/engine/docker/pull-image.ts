import type { Readable } from 'node:stream';
import type { Action } from '../../core/actions.ts';
import { OutriggerError } from '../../core/errors.ts';
import type { ImageState } from '../../core/observed.ts';
import type { Clock } from '../../ports.ts';
import type { EngineClient } from './engine-client.ts';
import { jsonLines } from './json-lines.ts';
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
  const idle = new AbortController();
  const idleMs = client.deadlines.pullIdleMs;
  const stalled = () =>
    new OutriggerError('timeout', `${doing}: nothing was received for ${Math.round(idleMs / 1_000)} s`, {
      next: 'Check that the engine reaches the image registry. It is tried again.',
    });
  const timer = setTimeout(() => idle.abort(stalled()), idleMs);
  const signal = AbortSignal.any([options.signal, idle.signal]);
  const progress = new PullProgress();
  let reportedAt = Number.NEGATIVE_INFINITY;
  let stream: Readable | undefined;
  try {
    const query = { ...splitReference(request.image), ...(request.platform && { platform: request.platform }) };
    stream = await client.stream(
      { doing, method: 'POST', path: '/images/create', query, deadlineMs: idleMs, ...(auth && { auth }) },
      signal,
    );
    for await (const line of jsonLines(stream)) {
      timer.refresh();
      const message = line as PullMessage;
      if (message.error !== undefined || message.errorDetail) {
        throw pullRefusal(
          request.image,
          message.errorDetail?.message ?? message.error ?? 'no reason given',
          client.address,
        );
      }
      const now = options.clock.now();
      if (progress.add(message) && now - reportedAt >= REPORT_EVERY_MS) {
        reportedAt = now;
        options.onProgress(progress.state());
      }
    }
    if (signal.aborted) throw signal.reason;
  } catch (error) {
    if (idle.signal.aborted) throw stalled();
    if (options.signal.aborted) throw new OutriggerError('timeout', `${doing} was given up`, { cause: error });
    const translated = translateError(error, { doing, engine: client.address, certificates: client.certificates });
    // The engine answered: what it says is about this image and its registry, except that its disk may be full.
    const answered = statusOf(translated) !== undefined && translated.code !== 'out_of_resources';
    throw answered ? pullRefusal(request.image, withoutPrefix(translated.message, doing), client.address) : translated;
  } finally {
    clearTimeout(timer);
    stream?.destroy();
  }
}

function withoutPrefix(message: string, doing: string): string {
  return message.startsWith(`${doing}: `) ? message.slice(doing.length + 2) : message;
}

interface PullMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** Bytes over all layers. Only downloading counts; unpacking reports other numbers under the same names. */
class PullProgress {
  readonly #layers = new Map<string, { received: number; total: number }>();

  /** True where the sums changed. */
  add(message: PullMessage): boolean {
    const { id, status, progressDetail } = message;
    if (id === undefined) return false;
    if (status === 'Downloading' && progressDetail?.current !== undefined) {
      const received = progressDetail.current;
      this.#layers.set(id, { received, total: Math.max(progressDetail.total ?? 0, received) });
      return true;
    }
    const layer = this.#layers.get(id);
    if (layer && (status === 'Download complete' || status === 'Pull complete') && layer.received < layer.total) {
      this.#layers.set(id, { ...layer, received: layer.total });
      return true;
    }
    return false;
  }

  state(): ImageState {
    let receivedBytes = 0;
    let totalBytes = 0;
    for (const { received, total } of this.#layers.values()) {
      receivedBytes += received;
      totalBytes += total;
    }
    return { kind: 'pulling', receivedBytes, totalBytes };
  }
}

const REPORT_EVERY_MS = 100;

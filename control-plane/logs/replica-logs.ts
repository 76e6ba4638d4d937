import type { ControlPlane, LogQuery } from '../control-plane.ts';
import { OutriggerError } from '../core/errors.ts';
import type { Clock, Engine, LogOptions } from '../ports.ts';
import type { LogLineView } from '../views/views.ts';
import { followedLog } from './followed-log.ts';

/**
 * The log lines of a namespace's replicas, merged as they come; without `follow` in the order of their timestamps, and
 * `not_found` where no service is meant. With `follow`, services and replicas that appear later join in, an engine that
 * goes away and comes back is read on, and it ends when the signal fires or the last of the services has been removed.
 */
export async function* replicaLogs(options: {
  query: LogQuery;
  controlPlane: Pick<ControlPlane, 'services' | 'onChange'>;
  engines: ReadonlyMap<string, Engine>;
  containers: () => ReadonlyMap<string, { node: string; containerId: string }>;
  clock: Pick<Clock, 'sleep'>;
  signal: AbortSignal;
}): AsyncGenerator<LogLineView> {
  const { query, controlPlane, engines, containers, clock, signal } = options;
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const queue: LogLineView[] = [];
  const followed = new Set<string>();
  let active = 0;
  let news = Promise.withResolvers<void>();
  let room = Promise.withResolvers<void>();

  const read = async (engine: Engine, containerId: string, from: { service: string; replicaId: string }) => {
    const wanted: LogOptions = {
      ...(query.tail === undefined ? {} : { tail: query.tail }),
      ...(query.sinceMs === undefined ? {} : { sinceMs: query.sinceMs }),
    };
    const lines = query.follow
      ? followedLog(engine, containerId, wanted, { clock, signal: ended })
      : engine.logs(containerId, { ...wanted, follow: false }, ended);
    try {
      for await (const line of lines) {
        // A slow reader holds the engine's stream back instead of filling our memory.
        while (queue.length >= MOST_QUEUED_LINES && !ended.aborted) await room.promise;
        queue.push({ ...from, ...line });
        news.resolve();
      }
    } catch (thrown) {
      // A container that was removed meanwhile has nothing more to say; that is no failure of the whole.
      if (!ended.aborted && !isGone(thrown)) throw thrown;
    } finally {
      active -= 1;
      news.resolve();
    }
  };

  let failure: unknown = null;
  let present = 'not_yet' as 'not_yet' | 'there' | 'gone';
  const join = () => {
    const known = containers();
    const services = chosen(controlPlane, query);
    if (services.length > 0) present = 'there';
    else if (present === 'there') present = 'gone';
    for (const service of services) {
      for (const replica of service.replicas) {
        if (query.replicaId !== undefined && replica.id !== query.replicaId) continue;
        const container = known.get(replica.id);
        const engine = container && engines.get(container.node);
        if (!engine || followed.has(container.containerId)) continue;
        followed.add(container.containerId);
        active += 1;
        read(engine, container.containerId, { service: service.name, replicaId: replica.id }).catch(thrown => {
          failure ??= thrown;
          news.resolve();
        });
      }
    }
    news.resolve();
  };

  if (chosen(controlPlane, query).length === 0 && !query.follow) {
    throw new OutriggerError('not_found', `namespace ${query.namespace} has no such service`, {
      next: 'see outrigger ps',
    });
  }
  const unsubscribe = query.follow ? controlPlane.onChange(join) : () => {};
  const wake = () => news.resolve();
  ended.addEventListener('abort', wake);
  try {
    join();
    if (!query.follow) {
      while (active > 0 && !ended.aborted && failure === null && queue.length < MOST_QUEUED_LINES) {
        await news.promise;
        news = Promise.withResolvers();
      }
      queue.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
    }
    for (;;) {
      yield* queue.splice(0);
      room.resolve();
      room = Promise.withResolvers();
      if (failure !== null) throw failure;
      if (ended.aborted) return;
      if (queue.length > 0) continue;
      if (active === 0 && (!query.follow || present === 'gone')) return;
      await news.promise;
      news = Promise.withResolvers();
    }
  } finally {
    unsubscribe();
    ended.removeEventListener('abort', wake);
    stop.abort();
    room.resolve();
  }
}

const MOST_QUEUED_LINES = 10_000;

function chosen(controlPlane: Pick<ControlPlane, 'services'>, query: LogQuery) {
  return controlPlane
    .services()
    .filter(s => s.namespace === query.namespace && (query.names.length === 0 || query.names.includes(s.name)));
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof OutriggerError && thrown.code === 'not_found';
}

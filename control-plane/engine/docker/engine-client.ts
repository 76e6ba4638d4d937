import type { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import type Docker from 'dockerode';
import { OutriggerError } from '../../core/errors.ts';
import { makeAgents } from './agent.ts';
import { type DockerConnection, describeConnection } from './connection.ts';
import type { DialGate } from './dial-gate.ts';
import { Dockerode } from './dockerode.ts';
import { notAnEngine } from './foreign-answer.ts';
import { translateError } from './translate-error.ts';

/**
 * How long each kind of call may take before the engine counts as not answering. Milliseconds. These normally fire first,
 * and say which call hung; an effect as a whole, of several calls perhaps, is bounded by control-plane/controller/effects.ts. A
 * listing is the exception: control-plane/nodes/observer.ts gives it up before a single question of it is late.
 */
export interface EngineDeadlines {
  /** Questions: list, inspect, info. */
  readonly queryMs: number;
  /** Changes that are quick: create, connect, remove, make a network or volume. */
  readonly changeMs: number;
  /** Starting a container: mounts, networks, device hooks. */
  readonly startMs: number;
  /** What a stop may take beyond the grace that it was given. */
  readonly stopMarginMs: number;
  /** A pull that reports nothing for so long is given up. */
  readonly pullIdleMs: number;
  /** The same once all of the image is received: unpacking may be silent for longer. */
  readonly unpackIdleMs: number;
  /** A credential helper of the user's Docker configuration. */
  readonly credentialsMs: number;
}

export const DEFAULT_DEADLINES: EngineDeadlines = {
  queryMs: 10_000,
  changeMs: 30_000,
  startMs: 90_000,
  stopMarginMs: 15_000,
  pullIdleMs: 180_000,
  unpackIdleMs: 900_000,
  credentialsMs: 15_000,
};

/**
 * dockerode with what it lacks: every call settles by its deadline or when the signal fires, whatever the engine does
 * (docker-modem never settles when an answer breaks off in its middle), and every error is translated.
 */
export class EngineClient {
  readonly address: string;
  /** Where the certificates for it are named, in words; undefined: nowhere. */
  readonly certificates: string | undefined;
  readonly deadlines: EngineDeadlines;
  /** For calls that answer at once; their connections are kept and bounded. */
  readonly #calls: Docker;
  /** For what may stay open for long (events, logs, pulls, stops), so that it never keeps a quick call waiting. */
  readonly #streams: Docker;
  readonly #agents: readonly Agent[];

  readonly #closed = new AbortController();

  constructor(connection: DockerConnection, deadlines: Partial<EngineDeadlines> = {}, dialGate?: DialGate) {
    this.address = describeConnection(connection);
    this.certificates = connection.kind === 'tcp' ? connection.tls?.named : undefined;
    this.deadlines = { ...DEFAULT_DEADLINES, ...deadlines };
    const { calls, streams } = makeAgents(connection, dialGate);
    this.#agents = [calls, streams];
    this.#calls = new Dockerode(modemOptions(connection, calls));
    this.#streams = new Dockerode(modemOptions(connection, streams));
  }

  /** Runs one call. `doing` begins the message of an error: "listing containers", "starting container 1f2e". */
  call<T>(
    options: { doing: string; deadlineMs: number; signal: AbortSignal; long?: boolean },
    begin: (docker: Docker, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { long = false } = options;
    const docker = long ? this.#streams : this.#calls;
    return this.bounded(options, async signal => {
      try {
        return await begin(docker, signal);
      } catch (error) {
        // A kept connection that the engine closed meanwhile says so only once it is written to. Every change that is made
        // through here may be made twice; a stop may not, because programs take a second signal for impatience.
        if (long || signal.aborted || !isClosedConnection(error)) throw error;
        return begin(docker, signal);
      }
    });
  }

  /** A question for which dockerode has a method without a signal. */
  get<T>(options: { doing: string; path: string; signal: AbortSignal }): Promise<T> {
    const { doing, path, signal } = options;
    return this.call({ doing, deadlineMs: this.deadlines.queryMs, signal }, (docker, abortSignal) => {
      const statusCodes = { 200: true, 404: 'not found', 500: 'server error' };
      return new Promise<T>((resolve, reject) => {
        docker.modem.dial(
          { path, method: 'GET', options: {}, abortSignal, statusCodes },
          (error: unknown, result: unknown) => {
            if (error) return reject(error);
            // What is no JSON comes as it is.
            if (Buffer.isBuffer(result)) return reject(notAnEngine(this.address, { doing }));
            resolve(result as T);
          },
        );
      });
    });
  }

  /** Opens a stream whose headers must come by the deadline; the stream itself ends with the signal. */
  async stream(
    request: {
      doing: string;
      method: 'GET' | 'POST';
      path: string;
      query: Record<string, unknown>;
      body?: object;
      deadlineMs?: number;
      auth?: object;
      /** It ends at once by itself: it may take one of the connections that are open already. */
      brief?: boolean;
    },
    signal: AbortSignal,
  ): Promise<Readable> {
    const ending = new AbortController();
    const end = () => ending.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    const release = () => signal.removeEventListener('abort', end);
    try {
      return await this.bounded(
        { doing: request.doing, deadlineMs: request.deadlineMs ?? this.deadlines.queryMs, signal },
        () =>
          new Promise<Readable>((resolve, reject) => {
            const { modem } = request.brief ? this.#calls : this.#streams;
            modem.dial(
              {
                path: `${request.path}?`,
                method: request.method,
                options: { _query: request.query, _body: request.body ?? {} },
                isStream: true,
                abortSignal: ending.signal,
                statusCodes: { 200: true, 404: 'not found', 500: 'server error' },
                ...(request.auth && { authconfig: request.auth }),
              },
              (error: unknown, result: unknown) => {
                if (error) return reject(error);
                const stream = result as Readable;
                stream.once('close', release);
                // An aborted response reports its end here too; whoever reads it sees it, nobody else must.
                stream.on('error', () => {});
                ending.signal.addEventListener('abort', () => stream.destroy(), { once: true });
                resolve(stream);
              },
            );
          }),
      );
    } catch (error) {
      release();
      ending.abort();
      throw error;
    }
  }

  /** Any promise with a deadline and the signal; errors translated. */
  async bounded<T>(
    options: { doing: string; deadlineMs: number; signal: AbortSignal },
    begin: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { doing, deadlineMs, signal } = options;
    const given = () => givenUp(doing, this.address, signal);
    if (signal.aborted) throw given();
    if (this.#closed.signal.aborted) throw givenUp(doing, this.address, this.#closed.signal);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), Math.min(deadlineMs, MOST_TIMER_MS));
    const both = AbortSignal.any([signal, deadline.signal, this.#closed.signal]);
    // docker-modem writes what it is given into a debug text that nobody reads; a signal's is long, and costs.
    Object.defineProperty(both, inspect.custom, { value: () => 'AbortSignal' });
    let onAbort = () => {};
    try {
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => {
          if (signal.aborted) return reject(given());
          if (this.#closed.signal.aborted) return reject(givenUp(doing, this.address, this.#closed.signal));
          reject(
            new OutriggerError(
              'timeout',
              `${doing}: the engine at ${this.address} did not answer within ${deadlineMs} ms`,
              {
                next: HANGS,
              },
            ),
          );
        };
        both.addEventListener('abort', onAbort, { once: true });
      });
      return await Promise.race([begin(both), aborted]);
    } catch (error) {
      throw translateError(error, { doing, engine: this.address, certificates: this.certificates });
    } finally {
      clearTimeout(timer);
      both.removeEventListener('abort', onAbort);
    }
  }

  /** Gives up what is under way, and closes the connections. */
  close(): void {
    this.#closed.abort(new OutriggerError('unavailable', `the connection to ${this.address} was closed by us`));
    for (const agent of this.#agents) agent.destroy();
  }
}

function isClosedConnection(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'EPIPE' || code === 'ECONNRESET';
}

const HANGS = 'The engine hangs or is overloaded; `docker ps` shows the same. It is asked again.';
/** Timers of Node fire at once above this. */
const MOST_TIMER_MS = 2_147_483_647;

export function givenUp(doing: string, engine: string, signal: AbortSignal): OutriggerError {
  if (signal.reason instanceof OutriggerError) return signal.reason;
  // The caller's own deadline, by AbortSignal.timeout: the engine is to blame as much as for one of ours.
  if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') {
    return new OutriggerError('timeout', `${doing}: the engine at ${engine} did not answer in time`, { next: HANGS });
  }
  return new OutriggerError('timeout', `${doing} was given up before it ended`, { cause: signal.reason });
}

/** Everything is stated: what is not, docker-modem takes from the environment. */
function modemOptions(connection: DockerConnection, agent: Agent): Docker.DockerOptions {
  const nothing = {
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
  };
  return { ...nothing, ...targetOf(connection), agent, pathPrefix: '/' } as unknown as Docker.DockerOptions;
}

function targetOf(connection: DockerConnection): object {
  switch (connection.kind) {
    case 'unix':
      return { socketPath: connection.socketPath, protocol: 'http' };
    case 'tcp':
      return { host: connection.host, port: connection.port, protocol: connection.tls ? 'https' : 'http' };
    case 'ssh':
      // Only a name for the Host header: the agent's connections lead to the engine by themselves.
      return { host: 'docker', port: 80, protocol: 'http' };
    default:
      return connection satisfies never;
  }
}

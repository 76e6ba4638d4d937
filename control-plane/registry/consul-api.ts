import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import Consul from 'consul';
import { z } from 'zod';
import { OutriggerError } from '../core/errors.ts';
import { boundedAgent } from './bounded-agent.ts';
import { type ConsulConnection, readToken } from './consul-connection.ts';

/** What the agent is told about one service instance. */
export interface ConsulService {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
}

const instance = z.object({
  ID: z.string(),
  Service: z.string(),
  Address: z.string().default(''),
  Port: z.int().default(0),
  Tags: z.array(z.string()).nullish(),
  Meta: z.record(z.string(), z.string()).nullish(),
});
const agentServices = z.record(z.string(), instance);
const healthEntries = z.array(z.object({ Node: z.object({ Address: z.string() }), Service: instance }));

/** 10,000 services of a kilobyte each. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Requests at one time; more wait in the agent's queue, within their own deadline. */
const MAX_CONNECTIONS = 8;

/**
 * The five calls that the registry makes, through the npm client. Each is bounded in time and in the length of its
 * answer, honours the signal, and rejects with an OutriggerError that names the address.
 */
export class ConsulApi {
  readonly #connection: ConsulConnection;
  readonly #timeoutMs: number;
  readonly #client: Consul;

  constructor(connection: ConsulConnection, options: { timeoutMs: number }) {
    this.#connection = connection;
    this.#timeoutMs = options.timeoutMs;
    const { url } = connection;
    const secure = url.protocol === 'https:';
    this.#client = new Consul({
      host: url.hostname,
      port: Number(url.port || (secure ? 443 : 80)),
      secure,
      agent: boundedAgent({
        secure,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        maxSockets: MAX_CONNECTIONS,
        ...tlsOptions(connection),
      }),
    });
  }

  get address(): string {
    return this.#connection.url.origin;
  }

  /** The services of the agent itself whose id begins with the prefix (letters, digits and "-" only). */
  async services(idPrefix: string, signal: AbortSignal): Promise<ConsulService[]> {
    const answer = await this.#call('listing its services', signal, common =>
      this.#client.agent.service.list({ ...common, filter: `ID matches "^${idPrefix}"` }),
    );
    return Object.values(this.#parse(agentServices, answer)).map(toService);
  }

  /** Idempotent. The check starts as passing: what is registered was probed by the sidecar a moment ago. */
  async register(service: ConsulService, check: { ttlMs: number; deregisterAfterMs: number }, signal: AbortSignal) {
    await this.#call(`registering ${service.id}`, signal, common =>
      this.#client.agent.service.register({
        ...common,
        id: service.id,
        name: service.name,
        address: service.address,
        port: service.port,
        tags: [...service.tags],
        meta: { ...service.meta },
        check: {
          name: 'Outrigger heartbeat',
          // An id of its own: the check of an address could one day be another service's.
          checkid: service.id,
          ttl: `${check.ttlMs}ms`,
          status: 'passing',
          deregistercriticalserviceafter: `${check.deregisterAfterMs}ms`,
        } as never,
      }),
    );
  }

  /** Idempotent: one that is gone is success. */
  async deregister(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#call(`withdrawing ${id}`, signal, common => this.#client.agent.service.deregister({ ...common, id }));
    } catch (error) {
      if (!(error instanceof OutriggerError && error.code === 'not_found')) throw error;
    }
  }

  /** False: the agent has no such check. */
  async pass(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call(`renewing ${id}`, signal, common => this.#client.agent.check.pass({ ...common, id }));
      return true;
    } catch (error) {
      // 404 in newer versions; 500 with these words in older ones.
      const unknown =
        error instanceof OutriggerError && (error.code === 'not_found' || /associated TTL/.test(error.message));
      if (unknown) return false;
      throw error;
    }
  }

  /** The instances that clients are given for a name: those whose checks pass. */
  async healthy(name: string, signal: AbortSignal): Promise<ConsulService[]> {
    const answer = await this.#call(`reading ${name}`, signal, common =>
      this.#client.health.service({ ...common, service: name, passing: true }),
    );
    return this.#parse(healthEntries, answer).map(({ Node, Service }) => {
      const service = toService(Service);
      return service.address === '' ? { ...service, address: Node.Address } : service;
    });
  }

  close(): void {
    this.#client.destroy();
  }

  #parse<T>(schema: z.ZodType<T>, answer: unknown): T {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new OutriggerError('unavailable', `what answers at ${this.address} is not Consul, or not one that we know`, {
      next: 'Check the address; it has to be the HTTP API of a Consul agent.',
      cause: parsed.error,
    });
  }

  async #call<T>(doing: string, signal: AbortSignal, call: (common: { token?: string }) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const token = await readToken(this.#connection.token);
    // The client takes an emitter of `cancel` where others take a signal.
    const context = new EventEmitter();
    const onAbort = () => context.emit('cancel');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const common = { timeout: this.#timeoutMs, ctx: context, ...(token ? { token } : {}) };
      return await call(common);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#translate(error, doing);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #translate(thrown: unknown, doing: string): OutriggerError {
    const error = thrown as Error & {
      isResponse?: boolean;
      isTimeout?: boolean;
      statusCode?: number;
      response?: { statusCode: number; body?: unknown };
    };
    const status = error.statusCode ?? error.response?.statusCode;
    const body = error.response?.body;
    const said = body === undefined ? error.message : String(body).slice(0, 300).trim();
    const message = `Consul at ${this.address}, ${doing}: ${status === undefined ? error.message : `${status} ${said}`}`;
    const fail = (code: OutriggerError['code'], next: string, retryable = true) =>
      new OutriggerError(code, message, { next, retryable, cause: thrown });
    if (status === 401 || status === 403) {
      return fail(
        'denied',
        'Its token (CONSUL_HTTP_TOKEN) needs service:write for the names it registers, and node:read.',
      );
    }
    if (status === 404) return fail('not_found', 'Check the address; it has to be the HTTP API of a Consul agent.');
    if (status !== undefined && status >= 400 && status < 500 && status !== 429) {
      return fail('invalid_argument', 'Consul refuses what it is told; its answer says why.', false);
    }
    if (error.isTimeout === true) {
      return fail('unavailable', `It did not answer within ${this.#timeoutMs} ms; look at the agent (consul members).`);
    }
    return fail('unavailable', 'Start the Consul agent, or correct its address (CONSUL_HTTP_ADDR).');
  }
}

function toService(found: z.infer<typeof instance>): ConsulService {
  return {
    id: found.ID,
    name: found.Service,
    address: found.Address,
    port: found.Port,
    tags: found.Tags ?? [],
    meta: found.Meta ?? {},
  };
}

/** Read once, when the registry is made, so that a missing file is an error at start and not a registry that never comes. */
function tlsOptions(connection: ConsulConnection) {
  const { caFile, certFile, keyFile, serverName, verify } = connection;
  const read = (file: string, what: string) => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new OutriggerError('invalid_argument', `cannot read the ${what} ${file}: ${(error as Error).message}`, {
        next: 'Correct the path or make the file readable for the control plane.',
        cause: error,
      });
    }
  };
  return {
    ...(caFile && { ca: read(caFile, 'CA certificate for Consul') }),
    ...(certFile && { cert: read(certFile, 'client certificate for Consul') }),
    ...(keyFile && { key: read(keyFile, 'client key for Consul') }),
    ...(serverName && { servername: serverName }),
    ...(verify === false && { rejectUnauthorized: false }),
  };
}

import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  type ChannelOptions,
  Client,
  type ClientReadableStream,
  credentials,
  type Interceptor,
  Metadata,
  type MetadataOptions,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { CHANNEL_OPTIONS } from '../../client/index.ts';

/** A gRPC server that echoes bytes and says who it is; stands for one replica. */
export interface Replica {
  readonly id: string;
  readonly port: number;
  /** Calls begun so far. */
  readonly calls: () => number;
  /** From now on calls are taken and not answered. */
  hold(): void;
  /** Calls that were taken and not answered. */
  readonly held: () => number;
  /** Connections are cut and calls are lost, as when the process is killed. */
  kill(): void;
  /** Calls that run may end. */
  stop(): Promise<void>;
}

const same = (bytes: Buffer) => bytes;
const method = (path: string, responseStream: boolean) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const ECHO = { Echo: method('/test.Echo/Echo', false), Count: method('/test.Echo/Count', true) };

export async function startReplica(
  t: ExecutionContext,
  id: string,
  options: { port?: number; delayMs?: number; fail?: () => ServiceError | null } = {},
): Promise<Replica> {
  let calls = 0;
  let holding = false;
  let held = 0;
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  server.addService(ECHO, {
    Echo: (
      call: { request: Buffer; sendMetadata(metadata: Metadata): void },
      callback: (error: ServiceError | null, answer?: Buffer) => void,
    ) => {
      calls++;
      if (holding) return void held++;
      const failure = options.fail?.();
      if (failure) return callback(failure);
      const metadata = new Metadata();
      metadata.set('replica', id);
      setTimeout(() => {
        // Together with the answer, as servers mostly do: a call whose headers are out is no longer retried.
        call.sendMetadata(metadata);
        callback(null, call.request);
      }, options.delayMs ?? 0);
    },
    Count: (call: { request: Buffer; write(bytes: Buffer): void; end(): void }) => {
      calls++;
      for (let i = 0; i < Number(call.request.toString()); i++) call.write(Buffer.from(String(i)));
      call.end();
    },
  });
  // Connections are accepted here and handed over, so that they can be cut as the death of a process cuts them.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const listener = createServer(socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const kill = () => {
    listener.close();
    for (const socket of sockets) socket.resetAndDestroy();
    server.forceShutdown();
  };
  t.teardown(kill);
  return {
    id,
    port: (listener.address() as AddressInfo).port,
    calls: () => calls,
    hold: () => {
      holding = true;
    },
    held: () => held,
    kill,
    stop: async () => {
      listener.close();
      injector.drain(10_000);
      await new Promise<void>(resolve => server.tryShutdown(() => resolve()));
    },
  };
}

/** A stock grpc-js client of the echo service. */
export class EchoClient {
  readonly client: Client;

  constructor(t: ExecutionContext, target: string, options: ChannelOptions & { interceptors?: Interceptor[] } = {}) {
    this.client = new Client(target, credentials.createInsecure(), { ...CHANNEL_OPTIONS, ...options });
    t.teardown(() => this.client.close());
  }

  /** The id of the replica that answered, once its answer is there and right. */
  echo(message: Buffer | string = 'hello', deadlineMs = 20_000, options: MetadataOptions = {}): Promise<string> {
    const sent = Buffer.from(message);
    return new Promise((resolve, reject) => {
      let replica = 'unknown';
      const call = this.client.makeUnaryRequest(
        ECHO.Echo.path,
        same,
        same,
        sent,
        new Metadata(options),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: Buffer) => {
          if (error) reject(error);
          else if (!answer?.equals(sent)) reject(new Error('another message came back'));
          else resolve(replica);
        },
      );
      call.on('metadata', metadata => {
        replica = String(metadata.get('replica')[0]);
      });
    });
  }

  async count(upTo: number): Promise<string[]> {
    const stream: ClientReadableStream<Buffer> = this.client.makeServerStreamRequest(
      ECHO.Count.path,
      same,
      same,
      Buffer.from(String(upTo)),
      new Metadata(),
      { deadline: Date.now() + 20_000 },
    );
    const received: string[] = [];
    for await (const bytes of stream) received.push((bytes as Buffer).toString());
    return received;
  }
}

/** Calls without a pause, `lanes` at a time, until told to stop; what failed is kept. */
export class Load {
  readonly failures: Error[] = [];
  #running = true;
  #answered = 0;
  readonly #lanes: Promise<void>[];

  constructor(call: () => Promise<unknown>, lanes = 8) {
    this.#lanes = Array.from({ length: lanes }, async () => {
      while (this.#running) {
        await call().then(
          () => this.#answered++,
          (error: Error) => this.failures.push(error),
        );
      }
    });
  }

  get answered(): number {
    return this.#answered;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#lanes);
  }
}

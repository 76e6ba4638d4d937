import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DockerConnection } from '../../../control-plane/engine/docker/index.ts';

/** What happens to what the engine answers, and to new connections. */
export type ProxyMode =
  | 'pass'
  /** Requests are taken, and nothing reaches the engine or comes back. */
  | 'hang'
  /** Requests reach the engine; its answers are thrown away and the connection breaks. */
  | 'break_answers'
  /** Requests reach the engine; of each answer the head and half of the body come through, then nothing. */
  | 'stall_answers'
  /** As a daemon that is not running. */
  | 'refuse';

/** A socket in front of the real engine, on which it can hang, break and go away without being touched. */
export class SocketProxy {
  readonly connection: DockerConnection;
  /** Request lines as they went over the wire: `POST /containers/create?name=x HTTP/1.1`. */
  readonly requestLines: string[] = [];
  readonly #folder: string;
  readonly #target: string;
  #server: net.Server | null = null;
  #mode: ProxyMode = 'pass';
  readonly #sockets = new Set<net.Socket>();
  /** Requests whose first line matches are taken and never answered; the rest pass. */
  hangOn: RegExp | null = null;

  private constructor(folder: string, target: string) {
    this.#folder = folder;
    this.#target = target;
    this.connection = { kind: 'unix', socketPath: path.join(folder, 'docker.sock') };
  }

  static async before(target: DockerConnection): Promise<SocketProxy> {
    if (target.kind !== 'unix') throw new Error('these tests need an engine on a unix socket');
    const proxy = new SocketProxy(await mkdtemp(path.join(tmpdir(), 'outrigger-proxy-')), target.socketPath);
    await proxy.#listen();
    return proxy;
  }

  /** Connections that are open already follow at once, except that `refuse` ends them. */
  async setMode(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === 'refuse') await this.#end();
    else if (!this.#server) await this.#listen();
  }

  /** Ends every open connection, as a daemon that restarts does. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    await this.#end();
    await rm(this.#folder, { recursive: true });
  }

  async #listen(): Promise<void> {
    const server = net.createServer(client => this.#serve(client));
    this.#server = server;
    const { socketPath } = this.connection as { socketPath: string };
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve));
  }

  async #end(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.breakConnections();
    if (server) await new Promise(resolve => server.close(resolve));
  }

  #serve(client: net.Socket): void {
    const engine = net.connect(this.#target);
    for (const socket of [client, engine]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        engine.destroy();
      });
    }
    client.on('data', chunk => {
      const line = /^[A-Z]+ \S+ HTTP\/1\.1/.exec(chunk.toString('latin1'))?.[0];
      if (line) this.requestLines.push(line);
      if (line && this.hangOn?.test(line)) return;
      if (this.#mode !== 'hang') engine.write(chunk);
    });
    engine.on('data', chunk => {
      if (this.#mode === 'pass') client.write(chunk);
      if (this.#mode === 'break_answers') client.destroy();
      if (this.#mode === 'stall_answers') client.write(halfOf(chunk));
    });
  }
}

function halfOf(chunk: Buffer): Buffer {
  const body = chunk.indexOf('\r\n\r\n') + 4;
  return chunk.subarray(0, body + Math.floor((chunk.length - body) / 2));
}

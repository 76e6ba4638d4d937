import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A socket in front of the engine that lets chosen requests through and never their answers: the engine does as it was
 * told, and who asked hears nothing but the end of the connection.
 */
export class CuttingProxy {
  readonly socket: string;
  readonly #folder: string;
  readonly #server: net.Server;
  readonly #open = new Set<net.Socket>();
  readonly #cuts: { readonly request: RegExp; left: number }[] = [];
  /** Called with the line of each request before the engine gets it: `POST /containers/create?name=x HTTP/1.1`. */
  before: (line: string) => Promise<void> = async () => {};
  /** Request lines whose answers were cut. */
  readonly cut: string[] = [];

  private constructor(folder: string, engine: string) {
    this.#folder = folder;
    this.socket = path.join(folder, 'docker.sock');
    this.#server = net.createServer(client => this.#serve(client, net.connect(engine)));
  }

  static async before(engine: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(await mkdtemp(path.join(tmpdir(), 'outrigger-cutting-')), engine);
    await new Promise<void>((resolve, reject) =>
      proxy.#server.once('error', reject).listen(proxy.socket, () => resolve()),
    );
    return proxy;
  }

  /** Cuts the answers of the next requests whose line is like this. */
  cutNext(request: RegExp, times: number): void {
    this.#cuts.push({ request, left: times });
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #serve(client: net.Socket, engine: net.Socket): void {
    let isCut = false;
    for (const socket of [client, engine]) {
      this.#open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#open.delete(socket);
        client.destroy();
        engine.destroy();
      });
    }
    // In order, though one of them waits for `before`.
    let passed = Promise.resolve();
    client.on('data', chunk => {
      passed = passed.then(async () => {
        const line = /^[A-Z]+ \S+ HTTP\/1\.1/.exec(chunk.toString('latin1'))?.[0];
        if (line) await this.before(line);
        const cut = line && this.#cuts.find(c => c.left > 0 && c.request.test(line));
        if (cut) {
          cut.left -= 1;
          this.cut.push(line);
          isCut = true;
        }
        engine.write(chunk);
      });
    });
    engine.on('data', chunk => {
      if (isCut) client.destroy();
      else client.write(chunk);
    });
  }
}

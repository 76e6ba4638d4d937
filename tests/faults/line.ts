import net, { type AddressInfo } from 'node:net';

/** The line to somebody (Consul's agent, a control plane's socket), to be cut while they themselves live on. */
export class Line {
  readonly #server: net.Server;
  readonly #open = new Set<net.Socket>();
  #isCut = false;

  private constructor(target: URL) {
    this.#server = net.createServer(near => {
      if (this.#isCut) return near.destroy();
      const far =
        target.protocol === 'unix:' ? net.connect(target.pathname) : net.connect(Number(target.port), target.hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#open.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
      return undefined;
    });
  }

  static async to(target: URL): Promise<Line> {
    const line = new Line(target);
    await new Promise<void>(resolve => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

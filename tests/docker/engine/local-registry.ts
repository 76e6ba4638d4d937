import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface LocalRegistryOptions {
  readonly layers?: number;
  readonly layerBytes?: number;
  /** Basic credentials that it asks for. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The blob of the last layer is not there, so that a pull fails in its middle. */
  readonly missingLayer?: boolean;
  /** What it answers when it is asked for the image; `break`: it closes the connection. */
  readonly trouble?: 'break' | { readonly status: number; readonly body: string };
  /** The last layer is begun and never ended. */
  readonly stalls?: boolean;
}

/**
 * The part of the distribution API that a pull needs, on loopback, which engines take without TLS. One random image,
 * `model:1`, so that no layer is ever there already.
 */
export class LocalRegistry {
  readonly #server: Server;
  readonly #blobs = new Map<string, Buffer>();
  #manifest = '';
  #layers: { digest: string; size: number }[] = [];
  #port = 0;
  readonly #options: LocalRegistryOptions;

  private constructor(options: LocalRegistryOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(options: LocalRegistryOptions = {}): Promise<LocalRegistry> {
    const registry = new LocalRegistry(options);
    await registry.#makeImage();
    await new Promise<void>(resolve => registry.#server.listen(0, '127.0.0.1', resolve));
    // Kept, so that the name of the image outlives the server.
    registry.#port = (registry.#server.address() as AddressInfo).port;
    return registry;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get image(): string {
    return `${this.host}/model:1`;
  }

  get layerBytes(): number {
    return this.#layers.reduce((sum, { size }) => sum + size, 0);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #makeImage(): Promise<void> {
    const { layers = 2, layerBytes = 64 * 1024 } = this.#options;
    const archives: Buffer[] = [];
    for (let i = 0; i < layers; i += 1) {
      const archive = pack();
      archive.entry({ name: `layer-${i}` }, randomBytes(layerBytes));
      archive.finalize();
      archives.push(await buffer(archive));
    }
    this.#layers = archives.map(archive => this.#put(gzipSync(archive)));
    const config = this.#put(
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
          os: 'linux',
          config: { Labels: { 'outrigger-test': 'pulled' } },
          rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
          history: archives.map(() => ({ created_by: 'test' })),
        }),
      ),
    );
    const media = 'application/vnd.docker';
    this.#manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: `${media}.container.image.v1+json`, ...config },
      layers: this.#layers.map(layer => ({ mediaType: `${media}.image.rootfs.diff.tar.gzip`, ...layer })),
    });
  }

  #put(content: Buffer): { digest: string; size: number } {
    const digest = digestOf(content);
    this.#blobs.set(digest, content);
    return { digest, size: content.length };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { credentials, missingLayer, stalls, trouble } = this.#options;
    const path = request.url ?? '';
    const last = this.#layers.at(-1)?.digest;
    if (credentials && request.headers.authorization !== basic(credentials)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' });
      return void response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    }
    if (path === '/v2/') return void response.end('{}');
    if (trouble === 'break') return void request.socket.destroy();
    if (trouble) {
      response.writeHead(trouble.status, { 'content-type': 'application/json' });
      return void response.end(trouble.body);
    }
    if (path === '/v2/model/manifests/1' || path === `/v2/model/manifests/${digestOf(Buffer.from(this.#manifest))}`) {
      response.writeHead(200, {
        'content-type': MANIFEST,
        'content-length': Buffer.byteLength(this.#manifest),
        'docker-content-digest': digestOf(Buffer.from(this.#manifest)),
      });
      return void response.end(request.method === 'HEAD' ? undefined : this.#manifest);
    }
    const digest = path.split('/').at(-1) ?? '';
    const blob = this.#blobs.get(digest);
    if (!blob || (missingLayer && digest === last)) {
      response.writeHead(404);
      return void response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': blob.length });
    if (stalls && digest === last) return void response.write(blob.subarray(0, blob.length / 2));
    response.end(blob);
  }
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

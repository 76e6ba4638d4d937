import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { type EngineCertificates, type TlsPaths, writeEngineCertificates } from '../engines/engine-certificates.ts';

/** This machine's engine behind TLS that asks for a certificate, on 127.0.0.1. */
export class TlsEngine {
  /** `tcp://127.0.0.1:40123`. */
  readonly url: string;
  readonly certificates: EngineCertificates;
  readonly folder: string;
  readonly #server: tls.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: tls.Server, folder: string, certificates: EngineCertificates) {
    this.#server = server;
    this.folder = folder;
    this.certificates = certificates;
    this.url = `tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    server.on('connection', socket => this.#sockets.add(socket));
  }

  /** @param options.overdue its own certificate is over */
  static async start({ overdue = false }: { overdue?: boolean } = {}): Promise<TlsEngine> {
    const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-tls-'));
    const certificates = await writeEngineCertificates(folder, '127.0.0.1');
    const own = overdue ? await issueExpired(folder) : certificates.server;
    const server = tls.createServer(
      {
        cert: await readFile(own.cert),
        key: await readFile(own.key),
        ca: await readFile(own.ca),
        requestCert: true,
        rejectUnauthorized: true,
      },
      client => {
        const engine = net.connect('/var/run/docker.sock');
        for (const socket of [client, engine]) {
          socket.on('error', () => {});
          socket.on('close', () => {
            client.destroy();
            engine.destroy();
          });
        }
        client.pipe(engine).pipe(client);
      },
    );
    server.on('tlsClientError', () => {});
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return new TlsEngine(server, folder, certificates);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
    await rm(this.folder, { recursive: true });
  }
}

/** Of the authority that lies in the folder, and over since yesterday. */
export async function issueExpired(folder: string): Promise<TlsPaths> {
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
  const at = (file: string) => path.join(folder, file);
  await writeFile(at('expired.ext'), 'subjectAltName=IP:127.0.0.1\n');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', ...newKey, '-keyout', 'expired.key', '-out', 'expired.csr', '-subj', '/CN=expired');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '-1', '-extfile', 'expired.ext'];
  await openssl('x509', '-req', '-in', 'expired.csr', '-out', 'expired.pem', ...by);
  return { ca: at('ca.pem'), cert: at('expired.pem'), key: at('expired.key') };
}

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { connectionOfContext, parseEngineAddress, type TlsFiles } from '../engine/docker/connection.ts';
import type { DockerConnection } from '../engine/docker/index.ts';
import { formatKeyPath } from '../written-files/format-located.ts';
import type { KeyPath, Problem } from '../written-files/problem.ts';
import type { NodeSurroundings } from './configure-node.ts';
import type { NodeEntry } from './nodes-file.ts';

export type Connected =
  | { readonly kind: 'connected'; readonly connection: DockerConnection }
  | { readonly kind: 'failed'; readonly problem: Problem };

/** How a node's engine is reached: reads the certificates or the Docker context that its entry names. Never rejects. */
export async function connectNode(name: string, entry: NodeEntry, around: NodeSurroundings): Promise<Connected> {
  const at = ['nodes', name];
  const { environment, home } = around;
  if (entry.engine === undefined) {
    return attempt([...at, 'context'], () =>
      connectionOfContext(entry.context ?? '', { environment, ...(home === undefined ? {} : { home }) }),
    );
  }
  const { engine } = entry;
  const read = entry.tls ? await readTls([...at, 'tls'], entry.tls, around.folder) : undefined;
  if (read && 'keyPath' in read) return { kind: 'failed', problem: read };
  return attempt([...at, 'engine'], async () => parseEngineAddress(engine, { tls: read, from: 'it', environment }));
}

async function attempt(keyPath: KeyPath, connect: () => Promise<DockerConnection>): Promise<Connected> {
  try {
    return { kind: 'connected', connection: await connect() };
  } catch (error) {
    const { message, next } = error as Error & { next?: string };
    // Whoever tells a problem ends its sentence, and may have more to say.
    const whole = next === undefined ? message : `${message}. ${next.replace(/\.$/, '')}`;
    return { kind: 'failed', problem: { keyPath, message: whole } };
  }
}

async function readTls(at: KeyPath, tls: NonNullable<NodeEntry['tls']>, folder: string): Promise<TlsFiles | Problem> {
  const files: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  for (const key of ['ca', 'cert', 'key'] as const) {
    const named = tls[key];
    if (named === undefined) continue;
    const file = path.resolve(folder, named);
    try {
      files[key] = await readFile(file);
      // Each by itself, so that the one that is wrong is named.
      if (key === 'key') createSecureContext({ cert: files.cert, key: files.key });
      else new X509Certificate(files[key]);
    } catch (error) {
      return { keyPath: [...at, key], message: why(file, key, error as NodeJS.ErrnoException) };
    }
  }
  return { ...files, skipVerify: tls.skip_verify, named: `${formatKeyPath(at)} in the nodes file` };
}

function why(file: string, key: 'ca' | 'cert' | 'key', { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return `the file ${file} does not exist`;
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return `the key in ${file} does not belong to the certificate`;
  const kind = key === 'key' ? 'a private key without a passphrase' : 'a certificate';
  if (code?.startsWith('ERR_OSSL')) return `expected ${kind} in PEM form in ${file} (${message})`;
  return `the file ${file} cannot be read (${message})`;
}

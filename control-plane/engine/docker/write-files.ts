import { buffer } from 'node:stream/consumers';
import type { ServiceSpec } from '../../core/spec.ts';
import type { EngineClient } from './engine-client.ts';

/** Writes secrets and configs with inline content into a created container. Idempotent. Folders on the way are made. */
export async function writeFiles(
  client: EngineClient,
  containerId: string,
  files: ServiceSpec['files'],
  signal: AbortSignal,
): Promise<void> {
  if (files.length === 0) return;
  const archive = await archiveOf(files);
  await client.call(
    { doing: `writing files into ${containerId.slice(0, 12)}`, deadlineMs: client.deadlines.changeMs, signal },
    (docker, abortSignal) => docker.getContainer(containerId).putArchive(archive, { path: '/', abortSignal }),
  );
}

/** A tar of files only: an entry for a folder would change the mode of one that the image has. */
export async function archiveOf(files: ServiceSpec['files']): Promise<Buffer> {
  // Loaded only where a service has secrets or configs with inline content.
  const { pack } = await import('tar-stream');
  const archive = pack();
  for (const { target, contentBase64, uid, gid, mode } of files) {
    archive.entry({ name: target.replace(/^\/+/, ''), uid, gid, mode }, Buffer.from(contentBase64, 'base64'));
  }
  archive.finalize();
  return buffer(archive);
}

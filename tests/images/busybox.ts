import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pack } from 'tar-stream';

export const BUSYBOX_IMAGE = 'outrigger-test/busybox:2';

/**
 * Makes sure that a tiny image with a shell and the usual commands is there, without an image registry, and resolves to
 * its name. Idempotent. The binary is this machine's static busybox, otherwise the one in Debian's package
 * busybox-static, which is downloaded and not installed.
 */
export async function ensureBusyboxImage(): Promise<string> {
  const docker = new Docker();
  if (await hasImage(docker)) return BUSYBOX_IMAGE;
  const [repo, tag] = BUSYBOX_IMAGE.split(':');
  const stream = await docker.importImage(await withBusybox(rootFilesystem), {
    repo,
    tag,
    changes: [
      'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'CMD ["sh"]',
      'LABEL outrigger-test=busybox',
    ],
  });
  stream.resume();
  await finished(stream);
  if (await hasImage(docker)) return BUSYBOX_IMAGE;
  throw new Error(`${BUSYBOX_IMAGE} is missing although its import ended without an error`);
}

async function hasImage(docker: Docker): Promise<boolean> {
  return docker
    .getImage(BUSYBOX_IMAGE)
    .inspect()
    .then(
      () => true,
      error => {
        if ((error as { statusCode?: number }).statusCode === 404) return false;
        throw error;
      },
    );
}

async function rootFilesystem(binary: string): Promise<Readable> {
  const { stdout } = await run(binary, ['--list']);
  const archive = pack();
  const folder = (name: string, mode = 0o755) => archive.entry({ name, type: 'directory', mode });
  const file = (name: string, mode: number, content: Buffer | string) => archive.entry({ name, mode }, content);
  for (const name of ['bin', 'etc', 'root', 'run', 'var', 'home']) folder(name);
  folder('tmp', 0o1777);
  file('etc/passwd', 0o644, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n');
  file('etc/group', 0o644, 'root:x:0:\nnobody:x:65534:\n');
  file('bin/busybox', 0o755, await readFile(binary));
  for (const applet of stdout.split('\n').filter(name => name !== '' && name !== 'busybox')) {
    archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  }
  archive.finalize();
  return Readable.from(archive);
}

/** Calls back with the path of a busybox that needs no shared library. */
async function withBusybox<T>(use: (binary: string) => Promise<T>): Promise<T> {
  for (const candidate of ['/bin/busybox', '/usr/bin/busybox']) {
    if (await isStatic(candidate)) return use(candidate);
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-busybox-'));
  try {
    await run('apt-get', ['download', 'busybox-static'], { cwd: folder });
    const archive = (await readdir(folder)).find(name => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get download busybox-static ended well and left no package');
    await run('dpkg-deb', ['--extract', archive, 'content'], { cwd: folder });
    const unpacked = path.join(folder, 'content');
    for (const place of ['bin/busybox', 'usr/bin/busybox']) {
      if (await isStatic(path.join(unpacked, place))) return await use(path.join(unpacked, place));
    }
    throw new Error('the package busybox-static has no static busybox in bin or usr/bin');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isStatic(binary: string): Promise<boolean> {
  const present = await access(binary).then(
    () => true,
    () => false,
  );
  // A dynamic executable names its loader in a program header near the front.
  return present && !(await readFile(binary)).subarray(0, 4096).includes('/ld-');
}

const run = promisify(execFile);

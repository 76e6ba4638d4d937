import { link, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { admitOrThrow } from '../../control-plane/admission/admit-or-throw.ts';
import { type Disk, LOCAL_DISK } from '../../control-plane/admission/disk.ts';
import { parseMounts } from '../../control-plane/admission/mounts.ts';
import { OtherNames } from '../../control-plane/admission/other-names.ts';
import { defaultPolicy } from '../../control-plane/admission.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';

/** `root` may be bound; `state` with its socket and database, and `secret/policy.yaml`, no container may have. */
async function machine(t: ExecutionContext) {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'outrigger-names-')));
  t.teardown(() => rm(folder, { recursive: true }));
  const place = (...parts: string[]) => path.join(folder, ...parts);
  for (const part of ['root', 'root/mounted', 'root/models', 'state', 'state/log', 'secret']) await mkdir(place(part));
  await writeFile(place('state/log/1'), '');
  await writeFile(place('secret/policy.yaml'), 'allow: {}');
  /** @param mountinfo further lines of it; what is mounted here takes rights that a test has not */
  const bind = (source: string, mountinfo: readonly string[] = []) =>
    admitOrThrow(
      serviceSpec.parse({
        namespace: 'shop',
        name: 'embedder',
        image: 'embedder:1',
        mounts: [{ kind: 'bind', source: place(source), target: '/data' }],
      }),
      defaultPolicy({ folders: [place('root')] }),
      {
        hidden: [place('state'), place('secret/policy.yaml')],
        home: place('home'),
        disk: {
          ...LOCAL_DISK,
          mounts: async () => parseMounts(['20 1 8:1 / / rw - ext4 /dev/sda1 rw', ...mountinfo].join('\n')),
        },
      },
    );
  return { place, bind };
}

const REFUSED = { code: 'denied' };

test('what is protected is refused under the place that it is mounted at, its folder and what is in it too', async t => {
  const { place, bind } = await machine(t);
  const mounted = (what: string) => [`30 20 8:1 ${place(what)} ${place('root/mounted')} rw - ext4 /dev/sda1 rw`];
  await t.notThrowsAsync(bind('root/mounted'));
  await t.notThrowsAsync(bind('root/mounted', mounted('elsewhere')));
  for (const what of ['state', 'state/log', 'secret', '.']) {
    await t.throwsAsync(bind('root/mounted', mounted(what)), REFUSED, what);
    await t.throwsAsync(bind('root', mounted(what)), REFUSED, `${what}, and the folder above where it is mounted`);
    await t.notThrowsAsync(bind('root/models', mounted(what)), `${what}, and a folder beside it`);
  }
  await t.throwsAsync(bind('root/mounted/policy.yaml', mounted('secret')), REFUSED);
  await t.throwsAsync(bind('root/mounted/control.sock', mounted('state')), REFUSED);
});

test('another file system with the same folders in it is another', async t => {
  const { place, bind } = await machine(t);
  await t.notThrowsAsync(bind('root', [`30 20 8:2 ${place('state')} ${place('root/mounted')} rw - ext4 /dev/sdb1 rw`]));
});

test('a place below which processes are mounted is refused, wherever that is', async t => {
  const { place, bind } = await machine(t);
  const processes = [`30 20 0:77 / ${place('root/mounted')} rw - proc proc rw`];
  const refused = { code: 'denied', message: /\/proc/ };
  await t.throwsAsync(bind('root/mounted', processes), refused);
  await t.throwsAsync(bind('root/mounted/1/root', processes), refused);
  await t.throwsAsync(bind('root', processes), refused);
  await t.notThrowsAsync(bind('root/models', processes));
});

test('a hard link of a protected file is refused, and one of any other is not', async t => {
  const { place, bind } = await machine(t);
  await link(place('secret/policy.yaml'), place('root/hard'));
  await link(place('state/log/1'), place('root/hard-log'));
  await writeFile(place('root/weights'), '');
  await link(place('root/weights'), place('root/models/weights'));
  await t.throwsAsync(bind('root/hard'), { code: 'denied', message: /the same file as .*policy\.yaml/ });
  await t.throwsAsync(bind('root/hard-log'), { code: 'denied', message: /the same file as .*log\/1/ });
  await t.notThrowsAsync(bind('root/models/weights'));
});

test('a hard link of a credential is refused', async t => {
  const { place, bind } = await machine(t);
  await mkdir(place('home', '.ssh'), { recursive: true });
  await writeFile(place('home', '.ssh', 'id_ed25519'), '');
  await link(place('home', '.ssh', 'id_ed25519'), place('root/key'));
  await t.throwsAsync(bind('root/key'), { code: 'denied', message: /the same file as .*id_ed25519/ });
});

/** A disk where folders have so many files; each file has two names, and is another one. */
function crowded(count: number) {
  const listed: string[] = [];
  const disk: Disk = {
    realpath: async place => place,
    readlink: async () => null,
    look: async place => ({ identity: place, names: 2, isFolder: place === '/state' }),
    list: async folder => {
      listed.push(folder);
      return Array.from({ length: count }, (_, i) => String(i));
    },
    mounts: async () => [],
  };
  return { names: new OtherNames({ single: ['/engine'], whole: ['/state'] }, disk), listed };
}

test('what is protected is looked through once for all files with several names', async t => {
  const { names, listed } = crowded(10);
  const found = await Promise.all(['/a', '/b', '/state/7', '/engine'].map(file => names.of(file)));
  t.deepEqual(found, [
    { kind: 'nothing' },
    { kind: 'nothing' },
    { kind: 'file', place: '/state/7' },
    { kind: 'file', place: '/engine' },
  ]);
  t.deepEqual(listed, ['/state']);
});

test('beyond what can be looked through nobody says that a file is none of it', async t => {
  const { names } = crowded(30_000);
  t.deepEqual(await names.of('/a'), { kind: 'unknown' });
  t.deepEqual(await names.of('/state/7'), { kind: 'file', place: '/state/7' });
});

test('a link that points to nothing is refused: what is made there later would be bound', async t => {
  const { place, bind } = await machine(t);
  await symlink(place('root/later'), place('root/dangling'));
  await symlink(place('root/models'), place('root/good'));
  await t.throwsAsync(bind('root/dangling'), { code: 'denied', message: /root\/dangling, which points to nothing/ });
  await t.throwsAsync(bind('root/dangling/x'), { code: 'denied' });
  await t.notThrowsAsync(bind('root/good/not-there-yet'));
});

test('mounts are read with their blanks, and half a line is none', t => {
  t.deepEqual(
    parseMounts('36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n36 35\n'),
    [{ device: '98:0', root: '/mnt1', at: '/mnt 2', type: 'ext3' }],
  );
});

import Docker from 'dockerode';
import type { ComposeFile } from './compose-files.ts';

const docker = new Docker();

/**
 * What a container is, as a program inside it and an operator outside see it, without what has to differ between two
 * containers: ids, addresses, what is Docker's or an orchestrator's own.
 */
export async function containerView(id: string, service: string, file: ComposeFile): Promise<object> {
  const inspected = await docker.getContainer(id).inspect();
  const { Config, HostConfig, NetworkSettings } = inspected;
  const ownHostname = !id.startsWith(Config.Hostname);
  const paths = file.read?.[service] ?? [];
  const names = file.names?.[service] ?? [];
  const image = await docker.getImage(inspected.Image).inspect();
  return {
    image: Config.Image,
    entrypoint: Config.Entrypoint,
    command: Config.Cmd,
    user: Config.User,
    workingDir: Config.WorkingDir,
    stopSignal: (Config as { StopSignal?: string }).StopSignal,
    tty: Config.Tty,
    hostname: ownHostname ? Config.Hostname : 'the id',
    healthcheck: Config.Healthcheck,
    labels: Object.fromEntries(
      Object.entries(Config.Labels).filter(([name]) => !/^(com\.docker\.compose|dev\.outrigger)\./.test(name)),
    ),
    imageEnvironment: image.Config.Env,
    init: HostConfig.Init ?? false,
    readOnly: HostConfig.ReadonlyRootfs,
    shmSize: HostConfig.ShmSize,
    ulimits: (HostConfig.Ulimits ?? []).sort((a, b) => ((a.Name ?? '') < (b.Name ?? '') ? -1 : 1)),
    cpus: HostConfig.NanoCpus,
    groups: HostConfig.GroupAdd ?? [],
    dnsSearch: HostConfig.DnsSearch ?? [],
    extraHosts: (HostConfig.ExtraHosts ?? []).sort(),
    ports: Object.keys(HostConfig.PortBindings ?? {}).sort(),
    // A file that was written into the container and one that was bound are the same to whoever reads it.
    mounts: [...mountsOf(inspected), ...tmpfsOf(inspected)]
      .filter(mount => !paths.includes(mount.target))
      .sort((a, b) => (a.target < b.target ? -1 : 1)),
    networks: Object.keys(NetworkSettings.Networks).sort(),
    inside: {
      environment: await lines(id, ['env']).then(all => all.filter(line => !OWN_VARIABLES.test(line)).sort()),
      identity: await lines(id, ['id']),
      folder: await lines(id, ['pwd']),
      processOne: (await lines(id, ['cat', '/proc/1/cmdline'])).join('\n').split('\0'),
      // Of the first process: one that is executed later may get other ones from the engine.
      limits: await lines(id, ['sh', '-c', 'grep -E "open files|processes" /proc/1/limits | tr -s " "']),
      sharedMemory: await lines(id, ['sh', '-c', 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2']),
      folders: await lines(id, ['sh', '-c', 'stat -c "%n %a %u:%g" /tmp /run /scratch /fast /made 2> /dev/null; true']),
      rootIsWritable: (await status(id, ['touch', '/.probe'])) === 0,
      files: Object.fromEntries(
        await Promise.all(
          paths.map(async path => [
            path,
            [...(await lines(id, ['stat', '-L', '-c', '%u:%g %a %s', path])), ...(await lines(id, ['cat', path]))],
          ]),
        ),
      ),
      names: Object.fromEntries(await Promise.all(names.map(async name => [name, await resolves(id, name)]))),
    },
  };
}

/** Where Docker or an orchestrator writes what differs between any two containers, or what it hands GPUs out by. */
const OWN_VARIABLES = /^(HOSTNAME|NVIDIA_VISIBLE_DEVICES)=/;

function mountsOf({ Mounts }: Docker.ContainerInspectInfo) {
  return Mounts.filter(mount => mount.Type !== 'tmpfs').map(mount => ({
    type: mount.Type,
    target: mount.Destination,
    readOnly: !mount.RW,
    source: mount.Type === 'bind' ? mount.Source : (mount.Name ?? '').replace(/^[0-9a-f]{64}$/, 'anonymous'),
  }));
}

/** There are two ways to ask for one, which come to the same. */
function tmpfsOf({ HostConfig }: Docker.ContainerInspectInfo) {
  const short = Object.entries((HostConfig.Tmpfs ?? {}) as Record<string, string>);
  const long = (HostConfig.Mounts ?? []).filter(mount => mount.Type === 'tmpfs');
  return [
    ...short.map(([target, options]) => ({ target, options: options.split(',').filter(Boolean).map(inBytes) })),
    ...long.map(
      ({ Target, TmpfsOptions: { Mode, SizeBytes } = {} as NonNullable<Docker.MountSettings['TmpfsOptions']> }) => ({
        target: Target,
        options: [...(Mode ? [`mode=${Mode.toString(8)}`] : []), ...(SizeBytes ? [`size=${SizeBytes}`] : [])],
      }),
    ),
  ].map(({ target, options }) => ({ type: 'tmpfs', target, options: options.sort() }));
}

function inBytes(option: string): string {
  const size = /^size=(\d+)([km]?)$/.exec(option);
  if (!size) return option;
  return `size=${Number(size[1]) * { '': 1, k: 1024, m: 1024 * 1024 }[size[2] as '' | 'k' | 'm']}`;
}

async function resolves(id: string, name: string): Promise<boolean> {
  if ((await status(id, ['grep', '-qw', name, '/etc/hosts'])) === 0) return true;
  return (await status(id, ['nslookup', name])) === 0;
}

async function lines(id: string, command: readonly string[]): Promise<string[]> {
  const { output } = await execute(id, command);
  return output.replace(/\n$/, '').split('\n');
}

async function status(id: string, command: readonly string[]): Promise<number> {
  return (await execute(id, command)).exitCode;
}

async function execute(id: string, command: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const exec = await docker.getContainer(id).exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: false });
  let output = '';
  const out = { write: (chunk: Buffer) => (output += chunk.toString()) };
  docker.modem.demuxStream(stream, out as never, out as never);
  await new Promise<void>((resolve, reject) => stream.on('end', resolve).on('error', reject));
  return { exitCode: (await exec.inspect()).ExitCode ?? -1, output };
}

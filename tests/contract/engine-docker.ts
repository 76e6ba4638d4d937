import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';
import {
  createDockerEngine,
  type DockerEngine,
  type DockerEngineOptions,
  LABELS,
  resolveConnection,
} from '../../control-plane/engine/docker/index.ts';
import { ensureBusyboxImage } from '../images/busybox.ts';
import type { EngineWorld } from './engine.ts';

export interface DockerWorld extends EngineWorld {
  readonly engine: DockerEngine;
  readonly docker: Docker;
  readonly instance: string;
  /** Another engine of the same instance, as after a restart of the control plane. The caller closes it. */
  readonly another: () => DockerEngine;
}

const image = ensureBusyboxImage();

/** An engine has subnets for about 30 networks, and each world takes one; AVA begins all tests of a file at once. */
const MOST_WORLDS = 5;
let open = 0;
const queue: (() => void)[] = [];

async function enter(): Promise<void> {
  if (open < MOST_WORLDS) open += 1;
  else await new Promise<void>(resolve => queue.push(resolve));
}

function leave(): void {
  const next = queue.shift();
  if (next) next();
  else open -= 1;
}

/** A Docker Engine, this machine's by default, with an instance and a namespace of its own, and the way to leave nothing behind. */
export async function dockerWorld(
  _title?: string,
  options: Partial<DockerEngineOptions> = {},
  docker = new Docker(),
): Promise<DockerWorld> {
  await enter();
  const word = randomBytes(4).toString('hex');
  const namespace = `ortest-${word}`;
  const connection = options.connection ?? (await resolveConnection());
  const make = (instance: string) => createDockerEngine({ node: 'local', connection, ...options, instance });
  const instances = [`test-${word}`, `test-${word}-other`] as const;
  const engine = make(instances[0]);
  const other = make(instances[1]);
  return {
    engine,
    other,
    docker,
    instance: instances[0],
    another: () => make(instances[0]),
    namespace,
    image: await image,
    programs: {
      // init reaps and forwards signals, so that `sleep` ends at once when told.
      serves: { command: ['sleep', '3600'], init: true },
      ignoresStop: { command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] },
      runsOutOfMemory: { command: ['tail', '/dev/zero'], resources: { limitMemoryBytes: 16 * 1024 * 1024 } },
      missingBinary: { command: ['/no/such/program'] },
      prints: (...lines) => ({ command: ['sh', '-c', `${echo(lines)} exec sleep 3600`], init: true }),
      exits: (code, ...lines) => ({ command: ['sh', '-c', `${echo(lines)} exit ${code}`] }),
    },
    killFromOutside: async id => {
      await docker.getContainer(id).kill();
    },
    addImage: async name => {
      const [repo = '', tag = ''] = name.split(':');
      await docker.getImage(await image).tag({ repo, tag });
    },
    removeImage: async name => {
      await docker.getImage(name).remove().catch(unlessGone);
    },
    hasNetwork: async name => {
      const named = await docker.listNetworks({ filters: JSON.stringify({ name: [name] }) });
      return named.some(network => network.Name === name);
    },
    takenSubnet: async () => (await docker.getNetwork('bridge').inspect()).IPAM?.Config?.[0]?.Subnet ?? '',
    close: async () => {
      engine.close();
      other.close();
      try {
        for (const instance of instances) await removeEverything(docker, instance);
      } finally {
        leave();
      }
    },
  };
}

/** Whatever carries the test's own instance label. */
async function removeEverything(docker: Docker, instance: string): Promise<void> {
  const filters = JSON.stringify({ label: [`${LABELS.instance}=${instance}`] });
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true }).catch(unlessGone);
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove().catch(unlessGone);
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes ?? []) {
    await docker.getVolume(Name).remove().catch(unlessGone);
  }
}

function unlessGone(error: { statusCode?: number }): void {
  if (error.statusCode !== 404) throw error;
}

function echo(lines: string[]): string {
  return lines.map(line => `echo '${line}';`).join(' ');
}

import { spawn } from 'node:child_process';
import Docker from 'dockerode';

/** `old`: an engine before CDI (20.10). `recent`: one that hands out CDI devices by itself (28.5, API 1.51). */
export type EngineAge = keyof typeof IMAGES;

const IMAGES = {
  old: { name: 'outrigger-test/engine:1', base: 'outrigger-base/debian:bookworm' },
  recent: { name: 'outrigger-test/engine-recent:1', base: 'outrigger-base/debian:sid' },
} as const;

/** Builds the image of an engine once, from the distribution's packages, and resolves to its name. */
export async function ensureEngineImage(age: EngineAge): Promise<string> {
  building[age] ??= build(age);
  return await building[age];
}

const building: { [age in EngineAge]?: Promise<string> } = {};

async function build(age: EngineAge): Promise<string> {
  const { name, base } = IMAGES[age];
  const there = await new Docker()
    .getImage(name)
    .inspect()
    .catch(() => null);
  if (there) return name;
  const dockerfile = `FROM ${base}
RUN apt-get update && apt-get install -y --no-install-recommends docker.io iptables && rm -rf /var/lib/apt/lists/*
LABEL outrigger-test=engine
`;
  const child = spawn('docker', ['build', '--tag', name, '--force-rm', '-'], { timeout: BUILD_TIMEOUT_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(dockerfile);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code === 0) return name;
  throw new Error(`${name} could not be built from ${base} (make images makes that):\n${output}`);
}

const BUILD_TIMEOUT_MS = 10 * 60_000;

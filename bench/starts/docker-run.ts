import type Docker from 'dockerode';
import { runCommand } from '../run-command.ts';
import { untilAnswering } from './until-answering.ts';

export const DOCKER_RUN_PREFIX = 'outrigger-bench-tiny-';
const NAMES = Array.from({ length: 10 }, (_, i) => `${DOCKER_RUN_PREFIX}${i}`);

/** Ten `docker run -d` on that network at once: until all have returned, and until all containers answer. Milliseconds. */
export async function dockerRun(
  docker: Docker,
  network: string,
  signal: AbortSignal,
): Promise<{ returnedMs: number; answeringMs: number }> {
  const start = performance.now();
  await Promise.all(
    NAMES.map(name =>
      runCommand('docker', ['run', '--detach', '--name', name, '--network', network, 'outrigger-bench/tiny'], {
        signal,
      }),
    ),
  );
  const returnedMs = performance.now() - start;
  await Promise.all(
    NAMES.map(async name => {
      const { NetworkSettings } = await docker.getContainer(name).inspect();
      await untilAnswering(NetworkSettings.Networks[network]?.IPAddress ?? '', signal);
    }),
  );
  return { returnedMs, answeringMs: performance.now() - start };
}

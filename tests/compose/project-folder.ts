import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  formatLocated,
  loadServiceFile,
  type ServiceFileOptions,
  type ServiceFileResult,
} from '../../control-plane/compose/index.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';

/** A folder named `project` with the given files in it, which goes when the test ends. */
export async function projectFolder(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const parent = await mkdtemp(path.join(tmpdir(), 'outrigger-compose-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const folder = path.join(parent, 'project');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

/** Only what Docker needs: a variable of the machine that runs the tests must not change what a file means. */
export function plainEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DOCKER_CONFIG: process.env['DOCKER_CONFIG'],
    ...extra,
  };
}

export type Loading = Partial<ServiceFileOptions>;

export function load(folder: string, options: Loading = {}): Promise<ServiceFileResult> {
  return loadServiceFile({ cwd: folder, environment: plainEnvironment(), ...options }, AbortSignal.timeout(60_000));
}

/** The specs of a file that has to compile. */
export async function loadSpecs(
  t: ExecutionContext,
  folder: string,
  options: Loading = {},
): Promise<readonly ServiceSpec[]> {
  const result = await load(folder, options);
  if (result.kind === 'compiled') return result.specs;
  t.log(shown(result.errors, folder));
  throw new Error('the file was refused');
}

/** Problems as a terminal shows them, file names relative to the folder. */
export function shown(located: readonly Parameters<typeof formatLocated>[0][], folder: string): string[] {
  return located.map(problem => formatLocated(problem, { cwd: folder }).replaceAll(folder, '.'));
}

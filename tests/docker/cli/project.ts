import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { type CliResult, type RunningCli, runCli, startCli, testFolder } from '../../cli/run-cli.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../../images/busybox.ts';

export interface Project {
  readonly name: string;
  readonly folder: string;
  readonly state: string;
  cli(...args: string[]): Promise<CliResult>;
  start(...args: string[]): RunningCli;
  /** Writes compose.yaml. */
  write(yaml: string): Promise<void>;
  /** Containers of the project, running or not. */
  containers(): Promise<Docker.ContainerInfo[]>;
}

/** A folder with a service file and a state folder of its own; whatever it started goes with the test. */
export async function dockerProject(t: ExecutionContext, yaml: string): Promise<Project> {
  await ensureBusyboxImage();
  const folder = await testFolder(t);
  const name = `clitest${path.basename(folder).slice(-6).toLowerCase()}`;
  const state = path.join(folder, 'state');
  const environment = { OUTRIGGER_STATE: state, COMPOSE_PROJECT_NAME: name };
  const docker = new Docker();
  const options = (args: readonly string[]) => ({ args, environment, cwd: folder });
  const project: Project = {
    name,
    folder,
    state,
    cli: (...args) => runCli(options(args)),
    start: (...args) => startCli(options(args)),
    write: text => writeFile(path.join(folder, 'compose.yaml'), text.replaceAll('BUSYBOX', BUSYBOX_IMAGE)),
    containers: async () => {
      const all = await docker.listContainers({ all: true });
      return all.filter(c => c.Names.some(n => n.startsWith(`/${name}-`)));
    },
  };
  t.teardown(() => runCli(options(['down'])));
  await project.write(yaml);
  return project;
}

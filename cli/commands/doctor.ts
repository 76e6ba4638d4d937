import { stateFolder } from '../../control-plane/state-folder.ts';
import type { CommonOptions, Context } from '../context.ts';
import { type Finding, runCheck } from '../doctor/check.ts';
import { checkCompose } from '../doctor/compose.ts';
import { checkConsul } from '../doctor/consul.ts';
import { checkControlPlane, checkPorts } from '../doctor/control-plane.ts';
import { checkDocker } from '../doctor/docker.ts';
import { findingLines } from '../doctor/finding-lines.ts';
import { checkNodes, nodesFileOf } from '../doctor/nodes.ts';
import { checkStateFile, checkStateFolder } from '../doctor/state.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';

export interface DoctorOptions extends CommonOptions {
  nodes?: string;
}

/** Checks what Outrigger needs here and says how to mend what is missing. Fails where it cannot work. */
export async function doctor(context: Context, options: DoctorOptions): Promise<ExitCode> {
  const { environment, signal } = context;
  const state = stateFolder(environment, context.options.state);
  const client = await context.client();
  const controlPlane = await checkControlPlane(client, signal);
  const answers = controlPlane.status !== null;
  const nodesFile = await nodesFileOf(context, { named: options.nodes, state, status: controlPlane.status });
  const findings = (
    await Promise.all([
      runCheck('node', checkNode, signal),
      // Without a nodes file this machine's engine is the only node.
      nodesFile === null
        ? runCheck('docker', s => checkDocker(environment, s), signal)
        : checkNodes(nodesFile, environment, signal),
      runCheck('compose', s => checkCompose(environment, s), signal),
      runCheck('consul', s => checkConsul(environment, s), signal),
      runCheck('state folder', () => checkStateFolder(state), signal),
      // A running control plane holds it locked, and has read it already.
      ...(answers ? [] : [runCheck('state file', () => checkStateFile(state), signal)]),
      controlPlane.findings,
      runCheck('ports', () => checkPorts(answers), signal),
    ])
  ).flat();
  const ok = findings.every(f => f.status !== 'fail');
  if (context.options.json) context.out.json({ ok, checks: findings });
  else for (const line of findingLines(findings, context.out.style)) context.out.line(line);
  return ok ? EXIT_CODE.ok : EXIT_CODE.failed;
}

async function checkNode(): Promise<readonly Finding[]> {
  return [{ name: 'node', status: 'ok', message: `Node.js ${process.versions.node} (${process.execPath})` }];
}

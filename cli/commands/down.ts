import { existsSync } from 'node:fs';
import { stateFolder } from '../../control-plane/state-folder.ts';
import { isEmbeddedAddress } from '../connect.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { ensureControlPlane } from '../embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { removeAndWait } from '../remove-and-wait.ts';

export interface DownOptions extends ProjectOptions {
  volumes?: boolean;
  waitTimeout?: string;
}

/** Drains and removes a project's services (or the named ones) and waits until they are gone. */
export async function down(context: Context, names: readonly string[], options: DownOptions): Promise<ExitCode> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const namespace = await namespaceOf(context, options);
  const nothing = () => {
    if (context.options.json) context.out.json({ type: 'removed', removed: [], left: [] });
    else context.err.line(`nothing runs in project "${namespace}"`);
    return EXIT_CODE.ok;
  };
  // A control plane that was killed leaves its state behind, and containers that only it can tell apart and remove.
  const neverRan = !existsSync(stateFolder(context.environment, context.options.state).database);
  if (isEmbeddedAddress(context.options, context) && neverRan) return nothing();
  const client = await ensureControlPlane(context);
  const running = await client.services(namespace, context.signal);
  const chosen = running.filter(s => names.length === 0 || names.includes(s.name)).map(s => s.name);
  if (chosen.length === 0) return nothing();
  return await removeAndWait(context, {
    client,
    namespace,
    names: names.length === 0 ? [] : chosen,
    volumes: options.volumes === true,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

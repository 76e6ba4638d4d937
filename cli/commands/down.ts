import { beforeItBegins } from '../before-it-begins.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { connectIfRunning } from '../embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { removeAndWait } from '../remove-and-wait.ts';
import { requireServices } from '../require-services.ts';

export interface DownOptions extends ProjectOptions {
  volumes?: boolean;
  timeout?: string;
  waitTimeout?: string;
}

/** Drains and removes a project's services (or the named ones) and waits until they are gone. */
export async function down(context: Context, names: readonly string[], options: DownOptions): Promise<ExitCode> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const graceMs = options.timeout === undefined ? undefined : parseTimeoutMs(options.timeout);
  const { namespace, client, running } = await beforeItBegins(context, 'nothing was removed', () =>
    whatRuns(context, options),
  );
  const nothing = (further = '') => {
    if (context.options.json) context.out.json({ type: 'removed', removed: [], left: [], reasons: [] });
    else context.err.line(`nothing runs in project "${namespace}"${further}`);
    return EXIT_CODE.ok;
  };
  if (client === null) return nothing();
  if (running.length === 0) {
    if (!options.volumes || names.length > 0) return nothing();
    // An earlier down may have kept them.
    await client.remove({ namespace, names, volumes: true }, context.signal);
    return nothing('; volumes that it left are removed');
  }
  requireServices(names, running, namespace);
  return await removeAndWait(context, {
    client,
    namespace,
    names,
    known: running,
    volumes: options.volumes === true,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(graceMs !== undefined && { graceMs }),
  });
}

async function whatRuns(context: Context, options: DownOptions) {
  const namespace = await namespaceOf(context, options);
  const client = await connectIfRunning(context);
  return { namespace, client, running: client === null ? [] : await client.services(namespace, context.signal) };
}

import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { LogLineView, ServiceView } from '../../control-plane/views/views.ts';
import { absence } from '../absence.ts';
import type { Context, ProjectOptions } from '../context.ts';
import type { Output, Style } from '../output.ts';
import { parseSinceMs, parseTail } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { pad, textWidth } from '../render/text.ts';
import { requireServices } from '../require-services.ts';

export interface LogsOptions extends ProjectOptions {
  follow?: boolean;
  tail?: string;
  since?: string;
  replica?: string;
  color?: boolean;
  logPrefix?: boolean;
  timestamps?: boolean;
}

export async function logs(context: Context, names: readonly string[], options: LogsOptions): Promise<void> {
  const namespace = await namespaceOf(context, options);
  const client = await context.client();
  const tail = parseTail(options.tail ?? 'all');
  if (options.replica !== undefined) {
    requireReplica(options.replica, names, await client.services(namespace, context.signal));
  }
  const print = logPrinter(context.out, {
    json: context.options.json === true,
    color: options.color !== false,
    prefix: options.logPrefix !== false,
    timestamps: options.timestamps === true,
  });
  const request = {
    namespace,
    names,
    follow: options.follow === true,
    ...(tail !== undefined && { tail }),
    ...(options.since !== undefined && { sinceMs: parseSinceMs(options.since, Date.now()) }),
    ...(options.replica !== undefined && { replicaId: options.replica }),
  };
  try {
    for await (const line of client.logs(request, context.signal)) print(line);
  } catch (error) {
    if (error instanceof OutriggerError && error.code === 'not_found') {
      const running = await client.services(namespace, context.signal);
      const missing = names.filter(name => !running.some(s => s.name === name));
      const gone = missing.length === 0 ? null : await absence(client, { namespace, names: missing }, context.signal);
      if (gone) throw gone;
      requireServices(names, running, namespace);
    }
    throw error;
  }
}

/** One that does not exist writes nothing, and that must not look like one that is silent. */
function requireReplica(id: string, names: readonly string[], running: readonly ServiceView[]): void {
  const asked = running.filter(s => names.length === 0 || names.includes(s.name));
  const ids = asked.flatMap(s => s.replicas.map(r => r.id));
  if (ids.includes(id)) return;
  throw new OutriggerError('not_found', `There is no such replica: "${id}".`, {
    next: ids.length > 0 ? `There are: ${ids.join(', ')}.` : 'See "outrigger ps".',
  });
}

export interface LogPrinterOptions {
  readonly json: boolean;
  readonly color: boolean;
  readonly prefix: boolean;
  readonly timestamps: boolean;
}

const COLOURS: readonly Style[] = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'greenBright',
  'magentaBright',
  'blueBright',
];

/** Prints lines as `docker compose logs` does: `service-replica | text`, a colour for each replica. */
export function logPrinter(out: Output, options: LogPrinterOptions): (line: LogLineView) => void {
  const colours = new Map<string, Style>();
  let prefixWidth = 0;
  return line => {
    if (options.json) {
      out.json(line);
      return;
    }
    const time = options.timestamps ? `${line.timestamp} ` : '';
    if (!options.prefix) {
      out.line(time + line.text);
      return;
    }
    const name = `${line.service}-${line.replicaId}`;
    let colour = colours.get(name);
    if (colour === undefined) {
      colour = COLOURS[colours.size % COLOURS.length]!;
      colours.set(name, colour);
    }
    prefixWidth = Math.max(prefixWidth, textWidth(name));
    const prefix = `${pad(name, prefixWidth)} |`;
    out.line(`${options.color ? out.style(colour, prefix) : prefix} ${time}${line.text}`);
  };
}

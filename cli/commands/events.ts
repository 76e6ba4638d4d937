import type { EventView } from '../../control-plane/views/views.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { parseTail } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { singleLine, truncate } from '../render/text.ts';
import { formatTime } from '../render/units.ts';
import { requireServices } from '../require-services.ts';

export interface EventsOptions extends ProjectOptions {
  follow?: boolean;
  allProjects?: boolean;
  node?: string;
  tail?: string;
}

const DEFAULT_PAST = 100;

export async function events(context: Context, name: string | undefined, options: EventsOptions): Promise<void> {
  const past = options.tail === undefined ? DEFAULT_PAST : (parseTail(options.tail) ?? Number.MAX_SAFE_INTEGER);
  // A node serves every project; only one that is named narrows its events down.
  const isEverywhere = options.allProjects || (options.node !== undefined && options.projectName === undefined);
  const namespace = isEverywhere ? undefined : await namespaceOf(context, options);
  const client = await context.client();
  const query = {
    past,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(options.node !== undefined && { node: options.node }),
  };
  const print = (event: EventView) => {
    if (context.options.json) context.out.json(event);
    else context.out.line(eventLine(event, { width: context.out.width(), withProject: namespace === undefined }));
  };
  if (!options.follow) {
    const told = await client.events(query, context.signal);
    if (told.length === 0 && name !== undefined && namespace !== undefined) {
      requireServices([name], await client.services(namespace, context.signal), namespace);
    }
    for (const event of told) print(event);
    return;
  }
  for await (const event of client.watchEvents(query, context.signal)) print(event);
}

function eventLine(event: EventView, options: { width: number; withProject: boolean }): string {
  const { namespace, service, replicaId, node } = event;
  const name = options.withProject && namespace !== undefined ? `${namespace}/${service}` : service;
  const where = [name ?? `node ${node ?? ''}`, replicaId ?? ''].join(' ').trim();
  const text = `${formatTime(event.atMs, Date.now())}  ${where}  ${event.type}  ${singleLine(event.message)}`;
  return truncate(text.trimEnd(), options.width);
}

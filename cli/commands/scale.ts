import type { ServiceView } from '../../control-plane/views/views.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { parseScale } from '../service-reference.ts';
import { waitAndReport } from '../wait-and-report.ts';

export interface ScaleOptions extends ProjectOptions {
  /** False with --no-wait. */
  wait?: boolean;
  waitTimeout?: string;
}

export async function scale(context: Context, pairs: readonly string[], options: ScaleOptions): Promise<number> {
  const wanted = pairs.map(parseScale);
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const namespace = await namespaceOf(context, options);
  const client = await context.client();
  const known = await client.services(namespace, context.signal);
  const views = [];
  for (const { name, replicas } of wanted) views.push(await client.scale(namespace, name, replicas, context.signal));
  if (options.wait === false) {
    if (context.options.json) context.out.json({ services: views });
    return EXIT_CODE.ok;
  }
  return await waitAndReport(context, {
    client,
    namespace,
    known,
    done: 'scaled',
    further: late =>
      wanted.filter(w => late.some(s => s.name === w.name)).flatMap(w => wantedLines(w, namespace, known)),
    awaited: views.map(view => ({ name: view.name, generation: view.generation })),
    settled: service => {
      const count = wanted.find(w => w.name === service.name)?.replicas;
      return service.wantedReplicas === count && service.replicas.filter(r => r.phase !== 'stopped').length === count;
    },
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

/** What could not be had in time is not given up by anybody. */
function wantedLines({ name, replicas }: Scale, namespace: string, known: readonly ServiceView[]): string[] {
  const before = known.find(s => s.name === name)?.wantedReplicas;
  const isNew = before !== undefined && before !== replicas;
  const back = isNew ? `; "outrigger scale -p ${namespace} ${name}=${before}" takes that back` : '';
  return [`  next: ${name} is still to have ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}${back}`];
}

type Scale = ReturnType<typeof parseScale>;

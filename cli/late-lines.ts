import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { lastLines } from './last-lines.ts';
import { lastReasons } from './last-reasons.ts';
import { singleLine } from './render/text.ts';
import { whyHint } from './render/why-hint.ts';

/** What is not ready in time: what it waits for, what becomes of it, and what to do next. */
export async function lateLines(
  context: Pick<Context, 'err'>,
  client: Pick<ControlClient, 'why' | 'logs'>,
  { services, isLeaving }: { services: readonly ServiceView[]; isLeaving: boolean },
): Promise<string[]> {
  const hints = services.flatMap(s => whyHint(s) ?? []);
  const longer = 'give it more time with the option wait-timeout of the provider';
  return [
    `not ready in time: ${services.map(s => singleLine(s.message)).join('; ')}`,
    ...(isLeaving ? await lastReasons(context, client, services) : []),
    ...(await lastLines(client, services)),
    ...(isLeaving
      ? ['  it is removed again, since this command made it', `  next: ${longer}, or mend what it waits for`]
      : ['  it stays, and goes on trying', `  next: ${[...hints, longer].join(', or ')}`]),
  ];
}

import type { ServiceView } from '../../control-plane/views.ts';
import { singleLine } from './text.ts';
import { whyHint } from './why-hint.ts';

/** What services wait for that did not become ready in time: a line each, and where to read on. */
export function waitingLines(services: readonly ServiceView[]): string[] {
  return services.flatMap(service => {
    const hint = whyHint(service);
    return [
      ...(service.message === '' ? [] : [`  ${service.name}: ${singleLine(service.message)}`]),
      ...(hint === null ? [] : [`  ${hint}`]),
    ];
  });
}

import type { ServiceView } from '../../control-plane/views/views.ts';
import { singleLine } from './text.ts';
import { whyHint } from './why-hint.ts';

/**
 * What services wait for that did not become ready in time: a line each, and where to read on.
 * @param leaving names of those that are about to be removed, of which nothing can be asked then
 */
export function waitingLines(services: readonly ServiceView[], leaving: ReadonlySet<string> = new Set()): string[] {
  return services.flatMap(service => {
    const hint = leaving.has(service.name) ? null : whyHint(service);
    return [
      ...(service.message === '' ? [] : [`  ${service.name}: ${singleLine(service.message)}`]),
      ...(hint === null ? [] : [`  ${hint}`]),
    ];
  });
}

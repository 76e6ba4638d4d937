import { OutriggerError } from '../control-plane/core/errors.ts';
import type { Project } from './project.ts';

/** A refusal of what a service file asks for, with the place in the file of each reason; anything else as it is. */
export async function withPlaces(thrown: unknown, project: Project): Promise<unknown> {
  if (!(thrown instanceof OutriggerError) || thrown.code !== 'denied') return thrown;
  const denials = Array.isArray(thrown.details['reasons']) ? thrown.details['reasons'].filter(isDenial) : [];
  if (denials.length === 0) return thrown;
  const { details, next, retryable } = thrown;
  const lines = await Promise.all(denials.map(denial => project.locate(denial.keyPath, denial.message)));
  return new OutriggerError('denied', lines.join('\n'), {
    ...(next !== undefined && { next }),
    details,
    retryable,
    cause: thrown,
  });
}

function isDenial(value: unknown): value is { readonly keyPath: string; readonly message: string } {
  const { keyPath, message } = (value ?? {}) as Record<string, unknown>;
  return typeof keyPath === 'string' && typeof message === 'string';
}

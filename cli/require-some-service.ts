import { OutriggerError } from '../control-plane/core/errors.ts';
import type { Project } from './project.ts';

/** @throws OutriggerError `invalid_argument` where the file has nothing to start */
export function requireSomeService({ services, origin }: Pick<Project, 'services' | 'origin'>): void {
  if (services.length > 0) return;
  throw new OutriggerError('invalid_argument', `The service file has no service to start: ${origin}.`, {
    next: 'Write one under services, or name the profile of those that it has with --profile.',
  });
}

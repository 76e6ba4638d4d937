import { DiscoveryError } from './client-error.ts';

/** Which service is meant. */
export interface ServiceRef {
  readonly namespace: string;
  readonly service: string;
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/**
 * Reads `namespace/service`, or `service` alone: then the namespace is OUTRIGGER_NAMESPACE or, inside a Compose project,
 * COMPOSE_PROJECT_NAME.
 */
export function parseServiceRef(text: string, environment: NodeJS.ProcessEnv = process.env): ServiceRef {
  const parts = text.split('/');
  const service = parts.pop() ?? '';
  if (parts.length > 1 || ![...parts, service].every(part => NAME.test(part))) {
    throw new DiscoveryError('invalid_argument', `"${text}" is not the name of a service.`, {
      next: 'Expected "namespace/service" or "service", each of lower-case letters, digits, "-" and "_".',
    });
  }
  const namespace = parts[0] ?? (environment['OUTRIGGER_NAMESPACE'] || environment['COMPOSE_PROJECT_NAME']);
  if (!namespace) {
    throw new DiscoveryError('invalid_argument', `In which namespace is the service "${service}"?`, {
      next: `Write it out, as in "my-project/${service}", or set OUTRIGGER_NAMESPACE (COMPOSE_PROJECT_NAME counts too).`,
    });
  }
  return { namespace, service };
}

import { usageError } from './usage-error.ts';

export interface ServiceReference {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** `name`, or `namespace/name` for a service of another project. */
export function parseServiceReference(text: string): ServiceReference {
  const parts = text.split('/');
  if (parts.length > 2 || parts.some(part => part === '')) {
    throw usageError(`"${text}" is not a service's name.`, 'Give NAME, or PROJECT/NAME for one of another project.');
  }
  return parts.length === 1 ? { namespace: undefined, name: parts[0]! } : { namespace: parts[0], name: parts[1]! };
}

/** `service=n`, as `docker compose up --scale` takes it. */
export function parseScale(text: string): { readonly name: string; readonly replicas: number } {
  const match = /^([^=]+)=(\d{1,5})$/.exec(text);
  if (!match) throw usageError(`"${text}" does not say how many replicas.`, 'Give SERVICE=NUMBER, such as embedder=3.');
  return { name: match[1]!, replicas: Number(match[2]) };
}

import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';

/** Labels that say to whom a container belongs: ours, and those by which Compose finds its own. */
export function checkLabels(spec: ServiceSpec): Denial[] {
  return Object.keys(spec.labels)
    .filter(label => RESERVED.some(prefix => label.toLowerCase().startsWith(prefix)))
    .map(label => ({
      keyPath: `labels.${label}`,
      message: `labels that begin with ${RESERVED.join(' or ')} are reserved`,
      next: 'Choose another name for the label.',
    }));
}

const RESERVED = ['dev.outrigger.', 'com.docker.compose.'] as const;

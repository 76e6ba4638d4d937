import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/**
 * Compose's restart policies as bounds on Outrigger's own restarts. Without one, a replica that never became ready fails
 * at once and shows why, and one that was ready before is always started again.
 */
export function restart(service: Fields, deploy: Fields | undefined): ServiceSpecInput['restart'] {
  const policy = service.text('restart');
  const section = deploy?.fields('restart_policy');
  if (section) {
    const condition = section.text('condition') || 'any';
    const attempts = section.number('max_attempts') || null;
    for (const key of ['delay', 'window']) {
      section.ignore(key, 'Outrigger waits 10 seconds at first, doubling up to 5 minutes');
    }
    section.end();
    switch (condition) {
      case 'none':
        return { startAttempts: 1, maxAttempts: 0 };
      case 'any':
      case 'on-failure':
        return { startAttempts: attempts, maxAttempts: attempts };
      default:
        section.findings.error(section.at('condition'), `expected none, on-failure or any, found "${condition}"`);
        return undefined;
    }
  }
  if (!policy) return undefined;
  const [name, count] = policy.split(':');
  const attempts = count === undefined || count === '0' ? null : Number(count);
  if (name === 'no') return { startAttempts: 1, maxAttempts: 0 };
  if (name === 'always' || name === 'unless-stopped') return { startAttempts: null, maxAttempts: null };
  if (name === 'on-failure' && (attempts === null || Number.isInteger(attempts))) {
    return { startAttempts: attempts, maxAttempts: attempts };
  }
  service.findings.error(
    service.at('restart'),
    `expected no, always, unless-stopped, on-failure or on-failure:N, found "${policy}"`,
  );
  return undefined;
}

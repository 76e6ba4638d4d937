import type { Logger } from 'pino';
import type { Registry } from '../ports.ts';

/** Writes down when the registry stops answering, with why, and when it is well again; each once, not at every try. */
export function logHealth(registry: Pick<Registry, 'kind' | 'status' | 'onChange'>, log: Logger): void {
  const first = registry.status();
  let wasHealthy = true;
  const look = () => {
    const status = registry.status();
    // It is only just being asked for the first time.
    if (status === first && !status.healthy) return;
    if (status.healthy === wasHealthy) return;
    wasHealthy = status.healthy;
    const fields = { registry: registry.kind, ...(status.message !== undefined && { problem: status.message }) };
    if (status.healthy) log.info(fields, 'the registry answers again');
    else log.warn(fields, 'the registry is not well; endpoints stay there as they were last known');
  };
  registry.onChange(look);
}

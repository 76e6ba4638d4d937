import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/** What has to run or be ready first. A dependency that Compose runs itself is none of Outrigger's. */
export function dependsOn(service: Fields, selected: ReadonlySet<string>): ServiceSpecInput['dependsOn'] {
  const linked = service.has('links');
  return service.members('depends_on').flatMap(([name, dependency]) => {
    const condition = dependency.text('condition') ?? 'service_started';
    dependency.take('required');
    // Compose adds `restart` by itself where it derives a dependency from a link.
    if (linked) dependency.take('restart');
    if (dependency.flag('restart')) dependency.ignore('restart', 'clients of a service notice its restart themselves');
    dependency.end();
    if (!selected.has(name)) {
      dependency.findings.warn(dependency.path, `Outrigger does not run "${name}", so it does not wait for it`);
      return [];
    }
    switch (condition) {
      case 'service_started':
        return { service: name, condition: 'started' as const };
      case 'service_healthy':
        return { service: name, condition: 'ready' as const };
      default:
        dependency.findings.error(
          dependency.at('condition'),
          `expected service_started or service_healthy, found "${condition}"; a service of Outrigger does not complete`,
        );
        return [];
    }
  });
}

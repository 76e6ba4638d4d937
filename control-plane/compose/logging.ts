import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/** How much output Docker keeps. Outrigger reads logs back, so only drivers that keep them on the node will do. */
export function logging(service: Fields): ServiceSpecInput['logging'] {
  const section = service.fields('logging');
  if (!section) return undefined;
  const driver = section.text('driver');
  const options = section.fields('options');
  section.end();
  if (driver && driver !== 'json-file' && driver !== 'local') {
    section.findings.error(
      section.at('driver'),
      `expected json-file or local, found "${driver}"; Outrigger has to read the logs back`,
    );
    return undefined;
  }
  const maxSizeBytes = options?.sizeBytes('max-size');
  const maxFiles = options?.number('max-file');
  for (const key of options?.unread() ?? []) options?.ignore(key, 'Outrigger sets max-size and max-file only');
  return { maxSizeBytes, maxFiles };
}

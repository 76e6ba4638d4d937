import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { Project } from './project.ts';

export interface ImageSource {
  readonly image: string;
  readonly pullPolicy: NonNullable<ServiceSpecInput['pullPolicy']>;
  /** Compose has to build it before the service can start. */
  readonly build: boolean;
}

/** Where the image comes from. A built one has Compose's own name for it and is never pulled. */
export function imageSource(service: Fields, name: string, project: Project): ImageSource | undefined {
  const build = service.take('build') !== undefined;
  const image = service.text('image') || (build ? `${project.name}${project.separator}${name}` : undefined);
  const policy = service.text('pull_policy');
  if (image === undefined) {
    service.findings.error(service.path, 'expected image or build, found neither');
    return undefined;
  }
  if (build) {
    if (policy !== undefined && policy !== 'build' && policy !== 'never') {
      service.findings.warn(service.at('pull_policy'), 'ignored: the image is built here, so it is not pulled');
    }
    return { image, pullPolicy: 'never', build };
  }
  switch (policy) {
    case undefined:
    case '':
    case 'missing':
    case 'if_not_present':
      return { image, pullPolicy: 'missing', build };
    case 'always':
    case 'never':
      return { image, pullPolicy: policy, build };
    case 'build':
      service.findings.error(service.at('pull_policy'), '"build" needs a build section in the service');
      return undefined;
    default:
      service.findings.error(
        service.at('pull_policy'),
        `expected always, missing, never or build, found "${policy}"; Outrigger does not refresh images by age`,
      );
      return undefined;
  }
}

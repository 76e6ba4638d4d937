/** The service file: what everything outside compose/ uses of it. */

export { formatKeyPath, formatLocated } from '../written-files/format-located.ts';
export type { KeyPath, Located } from '../written-files/problem.ts';
export { buildImages } from './build-images.ts';
export { composeCommand } from './compose-command.ts';
export { declaredServices } from './declared-services.ts';
export { loadServiceFile, type ServiceFileOptions, type ServiceFileResult } from './load-service-file.ts';
export { missingImages } from './missing-images.ts';
export { projectName } from './project-name.ts';
export { PROVIDER_OPTIONS } from './provider-options.ts';
export type { ComposeOptions } from './read.ts';

/** The service file: what everything outside compose/ uses of it. */
export { formatKeyPath, formatLocated } from './format-located.ts';
export { loadServiceFile, type ServiceFileOptions, type ServiceFileResult } from './load-service-file.ts';
export type { KeyPath, Located } from './problem.ts';

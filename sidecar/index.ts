export { createSidecar, type SidecarOptions } from './sidecar.ts';

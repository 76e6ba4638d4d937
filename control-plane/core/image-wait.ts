import type { ServiceSpec } from './spec.ts';

/** An image that is to be on a node before anybody gives way there for one that needs it. */
export interface ImageWait {
  readonly node: string;
  readonly generation: number;
  readonly spec: ServiceSpec;
  /** Whose going is put off, by replica id; empty: one of the service would leave before its successor is made. */
  readonly by: readonly string[];
  /** Why its pull was refused for good; null: it is pulled, or going to be. */
  readonly refusal: string | null;
  /** When it is pulled at the earliest. */
  readonly notBefore: number;
}

/** Where something stands in what a file says: `['services', 'embedder', 'ports', 0]`. */
export type KeyPath = readonly (string | number)[];

/** Something wrong or worth knowing in a file that somebody wrote, not yet located in its text. */
export interface Problem {
  readonly keyPath: KeyPath;
  /** What was expected and what was found; one sentence, without the key path. */
  readonly message: string;
  /** The nearest known key or name. */
  readonly suggestion?: string;
}

/** A problem with its place in the source text, as far as it can be determined. Lines and columns count from 1. */
export interface Located extends Problem {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

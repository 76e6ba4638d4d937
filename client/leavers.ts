/** Replicas that have left and are still in use here, until what uses them has settled. */
export class Leavers {
  readonly #uses = new Map<Promise<unknown>, { readonly replicaIds: readonly string[]; leftIn: number }>();

  /** @param replicaIds those that left in this version, which `use` may still call */
  add(use: Promise<unknown>, left: { readonly replicaIds: readonly string[]; readonly version: number }): void {
    this.#uses.set(use, { replicaIds: left.replicaIds, leftIn: left.version });
  }

  /** False: it was not in use any more. */
  settled(use: Promise<unknown>): boolean {
    return this.#uses.delete(use);
  }

  /** A watch that is opened anew counts in its own way: what left before had left in the first version of it. */
  carryOver(firstVersion: number): void {
    for (const use of this.#uses.values()) use.leftIn = firstVersion;
  }

  replicaIds(): string[] {
    return [...this.#uses.values()].flatMap(use => use.replicaIds);
  }

  /** The newest version that lacks only replicas which nobody here calls any more. */
  newestLetGo(version: number): number {
    return Math.min(version, ...[...this.#uses.values()].map(use => use.leftIn - 1));
  }

  clear(): void {
    this.#uses.clear();
  }
}

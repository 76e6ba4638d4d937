import { isCalled } from '../node.ts';
import type { ServiceSpec } from '../spec.ts';
import type { AbsentImages } from './absent-images.ts';
import type { DeviceLedger } from './choose-devices.ts';
import { hasImage, type NodeLedger, withLatest } from './cluster-node.ts';
import { attributeOf, meets, parseConstraint } from './constraints.ts';
import { misfitOf, neededOf, sharedMemoryOf } from './device-fit.ts';
import type { DeviceTypes } from './device-types.ts';
import { type Need, needOf } from './need.ts';
import type { MeantTypes, NodeRows } from './node-rows.ts';
import { spreadPath } from './service-load.ts';
import { type ChangeLog, type Places, Shortlist } from './shortlist.ts';

/** Where to search for a spec's place. */
export interface Candidates {
  readonly need: Need;
  /** What the need packs like (cost.ts) where nothing could be better. */
  readonly leastPacking: number;
  /** Has every node that can ever take it. */
  readonly list: Shortlist;
  readonly image: ImagePlaces;
}

/** Where a spec's image is, as far as is known. */
export type ImagePlaces =
  | { readonly kind: 'everywhere' | 'nowhere' }
  /** `isMust`: it is not to be had elsewhere, so that no other node will do. */
  | { readonly kind: 'some'; readonly places: Places; readonly isMust: boolean };

/**
 * The shortlists of one cluster, made when they are first needed. Requests that look at nodes in the same way share one,
 * whatever their service, so that a new service costs nothing.
 */
export class Shapes {
  readonly #nodes: readonly NodeLedger[];
  readonly #open: readonly NodeLedger[];
  readonly #types: DeviceTypes;
  readonly #rows: NodeRows;
  readonly #absent: AbsentImages;
  readonly #lists: Map<string, Shortlist> = new Map();
  /** A spec never changes, and neither does what it may be given of these nodes. */
  #known: WeakMap<ServiceSpec, Candidates> = new WeakMap();
  #images: ReadonlyMap<string, ImageHolders> | null = null;

  /** The nodes in the order of their names. */
  constructor(
    nodes: readonly NodeLedger[],
    { types, rows, absent }: { types: DeviceTypes; rows: NodeRows; absent: AbsentImages },
  ) {
    this.#nodes = nodes;
    this.#open = nodes.filter(node => node.isOpen);
    this.#types = types;
    this.#rows = rows;
    this.#absent = absent;
  }

  /** A node changed, as the log says last. */
  touch(node: number, log: ChangeLog): void {
    for (const list of this.#lists.values()) list.touch(node, log);
  }

  /** Up to date with the log. */
  candidatesFor(spec: ServiceSpec, log: ChangeLog): Candidates {
    let candidates = this.#known.get(spec);
    if (!candidates) {
      candidates = this.#findCandidates(spec);
      this.#known.set(spec, candidates);
    }
    candidates.list.refresh(log);
    return candidates;
  }

  #findCandidates(spec: ServiceSpec): Candidates {
    const { all, open } = this.#holdersFor(spec);
    const list = this.#listFor(spec);
    const need = needOf(spec);
    const leastPacking = list.leastPacking(need);
    if (open.length === this.#open.length) return { need, leastPacking, list, image: { kind: 'everywhere' } };
    const isMust = all.length > 0 && this.isUnpullable(spec);
    if (open.length === 0 && !isMust) return { need, leastPacking, list, image: { kind: 'nowhere' } };
    // Others that look at nodes in the same way may have theirs pulled.
    const name = this.#absent.isEmpty ? spec.image : `${spec.pullPolicy} ${spec.platform ?? ''} ${spec.image}`;
    return { need, leastPacking, list, image: { kind: 'some', places: list.placesOf(name, open), isMust } };
  }

  /** The nodes that could take a replica of the spec if nobody held anything of them, CPUs and memory apart. */
  eligibleFor(spec: ServiceSpec): readonly NodeLedger[] {
    const meant = this.#meantTypes(spec);
    const { all, open } = this.#holdersFor(spec);
    const nodes = all.length > 0 && this.isUnpullable(spec) ? open : this.#open;
    return nodes.filter(isEligible(spec, device => meant[device.type.index]!));
  }

  /** Whether a node, open now or perhaps later, may have the spec's image and be what it asks for. */
  mayTake(spec: ServiceSpec): boolean {
    const meant = this.#meantTypes(spec);
    const isMeant = isEligible(spec, device => meant[device.type.index]!);
    // Of a node that never answered nothing is known.
    const maySuit = (ledger: NodeLedger) => (!ledger.node.answering && ledger.node.cpus === 0) || isMeant(ledger);
    // A node that would have to pull what was refused to another one promises nothing.
    const nodes = spec.pullPolicy === 'never' ? this.#nodes : this.nodesWith(spec);
    return nodes.some(l => !l.node.leaving && !this.#absent.isAbsent(l.node, spec) && maySuit(l));
  }

  /** It is never pulled, or a node was just refused it: what one registry refuses to one, it refuses to others. */
  isUnpullable(spec: ServiceSpec): boolean {
    if (spec.pullPolicy === 'never') return true;
    return !this.#absent.isEmpty && this.#nodes.some(({ node }) => this.#absent.isAbsent(node, spec));
  }

  /** The nodes that are known to have the image, open or not. */
  nodesWith(spec: ServiceSpec): readonly NodeLedger[] {
    return this.#holdersOf(spec.image).all.filter(({ node }) => !this.#absent.isAbsent(node, spec));
  }

  /**
   * Where the spec's image is. Of one that is never pulled and that no node is known to have, the nodes that were not found
   * to lack it, once any was: an engine knows more names of images than it lists.
   */
  #holdersFor(spec: ServiceSpec): ImageHolders {
    const listed = this.#holdersOf(spec.image);
    if (this.#absent.isEmpty || spec.pullPolicy === 'always') return listed;
    const isThere = ({ node }: NodeLedger) => !this.#absent.isAbsent(node, spec);
    const all = listed.all.filter(isThere);
    if (all.length > 0 || spec.pullPolicy !== 'never') return { all, open: listed.open.filter(isThere) };
    return this.#nodes.every(isThere) ? NONE : { all: this.#nodes, open: this.#open.filter(isThere) };
  }

  #holdersOf(image: string): ImageHolders {
    this.#images ??= imagesOf(this.#nodes);
    const [named, latest] = [this.#images.get(image), this.#images.get(withLatest(image))];
    if (!named || !latest) return named ?? latest ?? NONE;
    const all = this.#nodes.filter(({ node }) => hasImage(node, image));
    return { all, open: all.filter(ledger => ledger.isOpen) };
  }

  /** By the type's index, whether the request may be given devices of it. */
  #meantTypes({ resources: { gpu } }: ServiceSpec): MeantTypes {
    return gpu ? this.#types.all.map(type => misfitOf(gpu, type.sample) === null) : [];
  }

  #listFor(spec: ServiceSpec): Shortlist {
    const meant = this.#meantTypes(spec);
    const key = shapeOf(spec, meant);
    let list = this.#lists.get(key);
    if (list) return list;
    if (this.#lists.size >= MOST_LISTS) this.#forgetOne();
    const isMeant = (device: DeviceLedger) => meant[device.type.index]!;
    const { spread } = spec.placement;
    list = new Shortlist(this.#open.filter(isEligible(spec, isMeant)), {
      rows: this.#rows,
      nodeCount: this.#nodes.length,
      devices: spec.resources.gpu ? { meant, areShared: sharedMemoryOf(spec) !== null } : null,
      pathOf: ledger => spreadPath(spread, ledger),
    });
    this.#lists.set(key, list);
    return list;
  }

  /** The list that was not searched for the longest time. */
  #forgetOne(): void {
    const [idlest] = [...this.#lists].sort(([, a], [, b]) => b.idleChanges - a.idleChanges);
    this.#lists.delete(idlest![0]);
    // Else those who were searched for in it would keep it.
    this.#known = new WeakMap();
  }
}

const MOST_LISTS = 64;

/** In the order of their names. */
interface ImageHolders {
  readonly all: readonly NodeLedger[];
  readonly open: readonly NodeLedger[];
}

const NONE: ImageHolders = { all: [], open: [] };

function imagesOf(nodes: readonly NodeLedger[]): ReadonlyMap<string, ImageHolders> {
  const images = new Map<string, { all: NodeLedger[]; open: NodeLedger[] }>();
  for (const ledger of nodes) {
    for (const image of ledger.node.images) {
      let holders = images.get(image);
      if (!holders) {
        holders = { all: [], open: [] };
        images.set(image, holders);
      }
      holders.all.push(ledger);
      if (ledger.isOpen) holders.open.push(ledger);
    }
  }
  return images;
}

/** All that tells the shortlists of two specs apart. */
function shapeOf(spec: ServiceSpec, meant: MeantTypes): string {
  const { gpu } = spec.resources;
  const { constraints, spread } = spec.placement;
  const sharing = sharedMemoryOf(spec) === null ? 'whole' : 'shared';
  const types = meant.map(Number).join('');
  const devices = gpu ? `${sharing} ${neededOf(gpu)} ${types} ${gpu.deviceIds.join(' ')}` : '';
  return [devices, constraints.join('\t'), spread.join('\t')].join('\n');
}

/** Whether a node that nobody holds anything of would do, CPUs and memory apart. */
function isEligible(spec: ServiceSpec, isMeant: (device: DeviceLedger) => boolean): (ledger: NodeLedger) => boolean {
  const constraints = spec.placement.constraints.map(parseConstraint);
  const { gpu } = spec.resources;
  return ({ node, devices }) => {
    for (const constraint of constraints) {
      const actual = constraint ? attributeOf(node, constraint.attribute) : undefined;
      if (!constraint || actual === undefined || !meets(actual, constraint)) return false;
    }
    if (!gpu) return true;
    if (!gpu.deviceIds.every(id => devices.some(d => isCalled(d.device, id)))) return false;
    let fitting = 0;
    for (const device of devices) if (!device.quarantine && isMeant(device)) fitting += 1;
    return fitting >= (gpu.deviceIds.length > 0 ? 1 : neededOf(gpu));
  };
}

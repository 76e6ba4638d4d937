import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import { type Fit, hasImage, NodeLedger } from '../../control-plane/core/placement/cluster-node.ts';
import { attributeOf, meets, parseConstraint } from '../../control-plane/core/placement/constraints.ts';
import type { Placement } from '../../control-plane/core/replica.ts';
import type { ServiceKey, ServiceSpec } from '../../control-plane/core/spec.ts';

/** What a Cluster should find, found by asking every node. */
export class FullScan {
  readonly #ledgers: readonly NodeLedger[];

  constructor(nodes: readonly ObservedNode[], records: ReadonlyMap<string, NodeRecord>) {
    this.#ledgers = nodes
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((node, index) => new NodeLedger(node, records.get(node.name), index));
  }

  hold(holder: { replicaId: string; service: ServiceKey }, spec: ServiceSpec, placement: Placement): void {
    this.#ledgers.find(l => l.node.name === placement.node)?.hold({ ...holder, spec, placement });
  }

  release(replicaId: string): void {
    for (const ledger of this.#ledgers) {
      const holder = ledger.held.get(replicaId);
      if (holder) ledger.release(holder);
    }
  }

  find({ service, spec }: { service: ServiceKey; spec: ServiceSpec }): Placement | null {
    let best: { fit: Fit; order: readonly number[] } | null = null;
    for (const ledger of this.#ledgers) {
      if (!ledger.isOpen || !this.#suits(ledger, spec)) continue;
      const fit = ledger.fit(spec, this.#siblings([ledger], service));
      if (!fit) continue;
      const order = [...this.#spread(ledger, service, spec), fit.cost];
      if (best === null || isLess(order, best.order)) best = { fit, order };
    }
    return best && { node: best.fit.ledger.node.name, devices: best.fit.devices.map(d => d.device.id) };
  }

  #suits({ node }: NodeLedger, { placement, pullPolicy, image }: ServiceSpec): boolean {
    const meetsAll = placement.constraints.every(text => {
      const constraint = parseConstraint(text)!;
      return meets(attributeOf(node, constraint.attribute)!, constraint);
    });
    const isSomewhere = this.#ledgers.some(l => hasImage(l.node, image));
    return meetsAll && (pullPolicy !== 'never' || !isSomewhere || hasImage(node, image));
  }

  #spread(ledger: NodeLedger, service: ServiceKey, { placement: { spread } }: ServiceSpec): readonly number[] {
    const values = (l: NodeLedger, depth: number) =>
      spread
        .slice(0, depth)
        .map(key => attributeOf(l.node, key))
        .join();
    return spread.map((_, i) =>
      this.#siblings(
        this.#ledgers.filter(l => l.isOpen && values(l, i + 1) === values(ledger, i + 1)),
        service,
      ),
    );
  }

  #siblings(ledgers: readonly NodeLedger[], service: ServiceKey): number {
    return ledgers.reduce((sum, l) => sum + [...l.held.values()].filter(h => h.service === service).length, 0);
  }
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const i = a.findIndex((value, at) => value !== b[at]);
  return i >= 0 && a[i]! < b[i]!;
}
